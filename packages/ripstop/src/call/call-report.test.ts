import { describe, expect, test } from 'vitest';
import { RateLimitError } from '../errors/rejections.js';
import { callReport, reportCall } from './call-report.js';

const report = { attempts: [{ errorType: 'rate_limited', ms: 12 }], stopReason: 'attempts' } as const;

describe('what happened to a call', () => {
  test('G9: a ModelError carries it itself', () => {
    const error = new RateLimitError();
    expect(callReport(error)).toBeUndefined();
    reportCall(error, report);
    expect(error).toMatchObject(report);
    expect(callReport(error)).toEqual(report);
  });

  test('G9: a frozen one has it beside it', () => {
    const error = Object.freeze(new RateLimitError());
    reportCall(error, report);
    expect(callReport(error)).toEqual(report);
  });

  test("G9: somebody else's error is not changed, frozen or not; its report is kept beside it", () => {
    for (const error of [new TypeError('fetch failed'), Object.freeze(new Error('cold'))]) {
      const before = Object.getOwnPropertyNames(error);
      reportCall(error, report);
      expect(callReport(error)).toEqual(report);
      expect(Object.getOwnPropertyNames(error)).toEqual(before);
    }
  });

  test('G12: what is thrown may be anything; a value that is no object has no report', () => {
    for (const thrown of [undefined, null, 0, '', 'text', false]) {
      expect(() => reportCall(thrown, report)).not.toThrow();
      expect(callReport(thrown)).toBeUndefined();
    }
    expect(callReport({})).toBeUndefined();
  });
});
