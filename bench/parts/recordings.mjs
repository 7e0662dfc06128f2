/** What one call of each way to count costs. */
import { errorMetrics } from 'ripstop/observation';

const context = { operation: 'inference' };
const texts = Array.from({ length: 1_024 }, (_, index) => `Model inference timed out after ${index / 10} seconds`);

export function candidates() {
  const metrics = errorMetrics();
  const flooded = errorMetrics();
  const counts = new Map();
  let call = 0;
  return {
    'one number in a Map': () => void counts.set('generation_failed', (counts.get('generation_failed') ?? 0) + 1),
    'recordSuccess with a duration': () => metrics.recordSuccess('inference', (call++ % 1_000) + 1),
    'recordError, messages of one kind': () => metrics.recordError('inference_timeout', texts[call++ % 1_024], context),
    'recordError, all messages different': () => flooded.recordError('generation_failed', letters(call++), context),
    'the text of that message alone': () => letters(call++),
    'recordError, all names different': () => flooded.recordError(letters(call++), 'failed', context),
  };
}

/** A text of its own for each number, without a digit in it. */
export function letters(number) {
  let text = 'worker ';
  for (let rest = number + 1; rest > 0; rest = Math.floor(rest / 26)) text += String.fromCharCode(97 + (rest % 26));
  return `${text} is gone`;
}
