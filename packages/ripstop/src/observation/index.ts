/** `ripstop/observation`: what we saw, and what follows from it. */
export { type AdaptiveRequest, adaptiveGenerate, type DegradationNotes } from './adaptive-generate.js';
export { type LevelFactors, type ParameterRule, parameterRuleDefaults } from './degraded-parameters.js';
export { type Degradation, type DegradationSnapshot, degradation } from './degradation.js';
export {
  type DegradationOptions,
  degradationDefaults,
  degradationLevelDefaults,
  type LevelOptions,
} from './degradation-options.js';
export { type EventLoopCheckOptions, eventLoopCheck, eventLoopCheckDefaults } from './checks/event-loop.js';
export { modelCheck, modelCheckDefaults, type ModelCheckOptions } from './checks/model.js';
export { upstreamCheck, upstreamCheckDefaults, type UpstreamCheckOptions } from './checks/upstream.js';
export {
  type HealthCheck,
  healthCheckDefaults,
  type HealthCheckOptions,
  type HealthCheckResult,
  type HealthReport,
  type HealthTag,
  type HealthTransition,
  type HealthView,
} from './health-check.js';
export {
  type HealthChecker,
  healthChecker,
  healthCheckerDefaults,
  type HealthCheckerOptions,
  type HealthReportOptions,
} from './health-checker.js';
export {
  type Incident,
  type IncidentOptions,
  type Incidents,
  type IncidentTransition,
  incidentDefaults,
  incidents,
} from './incidents.js';
export { type ErrorMetrics, type ErrorMetricsContext, errorMetrics } from './error-metrics.js';
export type { ErrorGroup } from './error-metrics/error-groups.js';
export {
  type ErrorMetricsOptions,
  type ErrorMetricsSettings,
  errorMetricsDefaults,
  type SpikeKind,
} from './error-metrics-options.js';
export type { ActiveSpikeSummary, ErrorSpikeAlert, ErrorSummary, LatencySummary } from './error-summary.js';
export type { DegradationLevel } from './level-tracker.js';
export type { LoadReading, LoadSource } from './load-sampler.js';
export { type EventLoopLoadOptions, eventLoopLoad, eventLoopLoadDefaults } from './load-sources/event-loop.js';
export { type MetricsPageOptions, metricsPageDefaults, metricsPageLoad } from './load-sources/metrics-page.js';
export { type Occupancy, occupancyLoad } from './load-sources/occupancy.js';
export {
  type AlertmanagerSinkOptions,
  alertmanagerSink,
} from './alert-sinks/alertmanager.js';
export { type ConsoleSinkOptions, consoleSink } from './alert-sinks/console.js';
export { type AlertMail, type EmailSinkOptions, emailSink, type MailTransport } from './alert-sinks/email.js';
export { type PagerDutySinkOptions, pagerDutySink } from './alert-sinks/pager-duty.js';
export { type SlackSinkOptions, slackSink } from './alert-sinks/slack.js';
export { type WebhookSinkOptions, webhookSink } from './alert-sinks/webhook.js';
export { type AlertOptions, type Alerts, alertDefaults, alerts, type AlertTestResult } from './alerts.js';
export {
  type Alert,
  type AlertNotice,
  type AlertSink,
  type DeliveryContext,
  noticeText,
} from './alerts-notice.js';
export { type AlertClass, type AlertSeverity } from './alerts-rules.js';
export {
  type RecoveryProbes,
  type RecoveryProbesOptions,
  recoveryProbeDefaults,
  recoveryProbes,
} from './recovery-probes.js';
