/**
 * What a service that calls models should have, as data: the guide's five lists of five (R168–R193), in our own words.
 *
 * It stands with what answers callers, since it is a chute that it is held against; whatever the floors below bring to a
 * service can be seen from here, and from nowhere further down.
 */

/** One thing that a service should have. */
export interface ChecklistItem {
  /** The same in every version: reports and tests go by it. */
  readonly id: string;
  readonly text: string;
  /** The page of the documentation that helps. */
  readonly page: string;
}

/** The 25 items by the guide's categories. */
export const checklist = {
  'Input Validation': [
    { id: 'input_schemas', text: 'Every input is checked against a schema', page: 'docs/chute.md#a-cord' },
    { id: 'sanitized_text', text: 'Texts lose what hides in them', page: 'docs/input.md#sanitising' },
    { id: 'checked_uploads', text: 'Uploads are checked for their type and size', page: 'docs/input.md#uploads' },
    {
      id: 'clear_validation_errors',
      text: 'Who sent something wrong learns which field, and why',
      page: 'docs/input.md#validation',
    },
    { id: 'edge_cases', text: 'Empty and extreme inputs meet a limit', page: 'docs/input.md#validation' },
  ],
  'Model Error Handling': [
    { id: 'guarded_model_calls', text: 'What a model throws becomes a typed error', page: 'docs/errors.md' },
    { id: 'memory_errors', text: 'A GPU without memory is asked for less', page: 'docs/errors.md#out_of_memory' },
    { id: 'inference_timeouts', text: 'Inference has a limit in time', page: 'docs/policies/timeout.md' },
    {
      id: 'context_length',
      text: 'A prompt is measured before a model gets it',
      page: 'docs/errors.md#context_length_exceeded',
    },
    { id: 'fallback_models', text: 'Another model stands in for one that fails', page: 'docs/policies/fallback.md' },
  ],
  'System Resilience': [
    { id: 'retries', text: 'Failures that pass are tried again, ever more slowly', page: 'docs/policies/retry.md' },
    {
      id: 'circuit_breakers',
      text: 'What keeps failing is left alone for a while',
      page: 'docs/policies/circuit-breaker.md',
    },
    {
      id: 'graceful_degradation',
      text: 'Resources are watched, and answers shrink before requests fail',
      page: 'docs/degradation.md',
    },
    { id: 'health_checks', text: 'Whatever is critical has a health check', page: 'docs/health.md' },
    { id: 'error_logs', text: 'Errors are logged with what it takes to find their cause', page: 'docs/logging.md' },
  ],
  'User Experience': [
    { id: 'friendly_messages', text: 'Messages are written for people', page: 'docs/errors.md' },
    { id: 'hidden_internals', text: 'Nothing from the inside reaches a caller', page: 'docs/error-handler.md#options' },
    { id: 'actionable_errors', text: 'An error says what to do now', page: 'docs/errors.md' },
    { id: 'one_error_format', text: 'All errors have one form', page: 'docs/errors.md' },
    { id: 'correlation_ids', text: 'Every answer has an id to ask about', page: 'docs/error-context.md' },
  ],
  'Monitoring and Alerting': [
    { id: 'error_metrics', text: 'All errors are counted', page: 'docs/error-metrics.md' },
    {
      id: 'spike_alerts',
      text: 'A sudden rise of errors raises an alert',
      page: 'docs/alerts/README.md',
    },
    {
      id: 'health_monitoring',
      text: 'Somebody is told when a health check fails',
      page: 'docs/health.md',
    },
    {
      id: 'error_trends',
      text: 'Patterns of errors and their trend can be read',
      page: 'docs/error-metrics.md',
    },
    {
      id: 'performance_alerts',
      text: 'Growing slow raises an alert',
      page: 'docs/alerts/README.md',
    },
  ],
} as const satisfies Readonly<Record<string, readonly ChecklistItem[]>>;

/** A category of the checklist, under the guide's name. */
export type ChecklistCategory = keyof typeof checklist;

/** The id of one of the 25 items. */
export type ChecklistItemId = (typeof checklist)[ChecklistCategory][number]['id'];

/** What `validateImplementation()` looks at beside the 25 items. */
export const serviceItems = [
  { id: 'body_limits', text: 'Bodies have a limit in size and time', page: 'docs/chute.md#the-chute' },
  { id: 'deadlines', text: 'A whole request has a limit in time', page: 'docs/chute.md#the-chute' },
  { id: 'concurrency', text: 'The work under way at a time has a limit', page: 'docs/policies/bulkhead.md' },
  { id: 'guard', text: 'Callers are asked who they are', page: 'docs/chute.md#the-chute' },
  { id: 'cors', text: 'Only pages that are named may call from a browser', page: 'docs/chute.md#browsers' },
  { id: 'drain', text: 'Requests under way may end before the service does', page: 'docs/chute.md#serving-it' },
] as const satisfies readonly ChecklistItem[];

/** The id of a finding that is no item of the guide's. */
export type ServiceItemId = (typeof serviceItems)[number]['id'];
