/** What an engine process is allowed. Times in milliseconds, memory in MB. */
export interface EngineLimits {
  /** From the start of the process until it has loaded the model. */
  readonly startMs: number;
  /** How long it may say nothing at all. It says something every 100 ms, and with every token. */
  readonly silenceMs: number;
  /** One answer, from its start to its last token. */
  readonly generationMs: number;
  /** How long it may take to stop an answer that nobody wants any more. A native call cannot be interrupted. */
  readonly cancelMs: number;
  /** Resident memory. Looked at every `memoryPollMs`, on Linux. */
  readonly memoryMb: number;
  readonly memoryPollMs: number;
}

export const engineLimits: EngineLimits = {
  startMs: 30_000,
  silenceMs: 2_000,
  generationMs: 60_000,
  cancelMs: 5_000,
  memoryMb: 1_024,
  memoryPollMs: 50,
};
