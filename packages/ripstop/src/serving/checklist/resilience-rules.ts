import { type Judgement, listed, met, missing, unknown } from './finding.js';
import { hasLayer, howToShow, type Seen } from './seen.js';

export const resilienceRules = {
  retries(service: Seen): Judgement {
    if (hasLayer(service, 'retry')) return met('A retry policy was seen: full jitter, growing waits');
    return unknown('No retry policy was seen', `Give the cord a policy: retry(). ${howToShow(service, 'policy')}`);
  },

  circuit_breakers(service: Seen): Judgement {
    if (hasLayer(service, 'circuit-breaker')) return met('A circuit breaker was seen');
    const watched = service.parts.chains.some(({ models }) => models.some(({ state }) => state !== undefined));
    if (watched) return met('A chain has a breaker for each model');
    return unknown(
      'No circuit breaker was seen',
      `Give the cord a policy: circuitBreaker(). ${howToShow(service, 'policy')}`,
    );
  },

  graceful_degradation(service: Seen): Judgement {
    if (service.parts.degradation) return met('degradation() was seen');
    return unknown(
      'No degradation was seen',
      `Let handlers ask degradation() what the load allows. ${howToShow(service, 'quality')}`,
    );
  },

  health_checks({ options, checks, parts }: Seen): Judgement {
    if (options.health === 'none' && !parts.healthChecker) {
      return missing(
        "The chute was made with health: 'none'",
        "Leave it at 'served', or keep a healthChecker() in the state",
      );
    }
    if (checks.size === 0) {
      if (parts.healthChecker) return met('A healthChecker() was seen');
      return missing('/health has nothing to ask', "Add app.healthCheck('model', { critical: true }, check)");
    }
    const critical = [...checks].filter(([, isCritical]) => isCritical).map(([name]) => name);
    if (critical.length > 0) return met(`Critical: ${listed(critical)}; in all ${checks.size}`);
    return missing(
      `None of these is critical, so /readyz never says no: ${listed([...checks.keys()])}`,
      'Mark those as critical without which the service serves nobody',
    );
  },

  error_logs({ options }: Seen): Judgement {
    const where = options.logger === undefined ? 'the console' : 'a logger of yours';
    return met(`Every error becomes a line with its type, route and correlation id, on ${where}`);
  },
};
