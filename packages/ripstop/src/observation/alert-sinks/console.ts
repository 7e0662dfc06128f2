import { type AlertSink, noticeText } from '../alerts-notice.js';

/** Options of `consoleSink()`. */
export interface ConsoleSinkOptions {
  /** Where lines go. Default: `console.error`. */
  readonly write?: ((text: string) => void) | undefined;
  /** Default: `console`. */
  readonly name?: string | undefined;
}

/** Alerts on the console, for a start and for development. */
export function consoleSink({
  write = (text) => console.error(text),
  name = 'console',
}: ConsoleSinkOptions = {}): AlertSink {
  return {
    name,
    async send(notice) {
      write(noticeText(notice));
      return 'written';
    },
  };
}
