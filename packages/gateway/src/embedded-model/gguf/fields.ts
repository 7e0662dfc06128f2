import type { GgufHeader } from './gguf.js';
import { unusableFile } from './unusable-file.js';

/** A whole number above 0, as sizes and counts are. @throws ModelLoadingError where it is missing or anything else. */
export function countField({ metadata }: GgufHeader, key: string, otherwise?: number): number {
  const value = metadata.get(key) ?? otherwise;
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 1) throw wrongField(key);
  return value;
}

/** A number above 0. */
export function numberField({ metadata }: GgufHeader, key: string, otherwise?: number): number {
  const value = metadata.get(key) ?? otherwise;
  if (typeof value !== 'number' || !(value > 0) || value === Number.POSITIVE_INFINITY) throw wrongField(key);
  return value;
}

export function textField({ metadata }: GgufHeader, key: string): string {
  const value = metadata.get(key);
  if (typeof value !== 'string') throw wrongField(key);
  return value;
}

export function textsField({ metadata }: GgufHeader, key: string): readonly string[] {
  const value = metadata.get(key);
  if (!Array.isArray(value) || value.some((item) => typeof item !== 'string')) throw wrongField(key);
  return value as readonly string[];
}

/** One number for each of `length` things. */
export function numbersField({ metadata }: GgufHeader, key: string, length: number): readonly number[] {
  const value = metadata.get(key);
  if (!Array.isArray(value) || value.length !== length || value.some((item) => typeof item !== 'number')) {
    throw wrongField(key);
  }
  return value as readonly number[];
}

function wrongField(key: string): Error {
  return unusableFile(`its metadata has no usable ${key}`);
}
