import { type ChaosRequest, chaosServer } from '../chaos/chaos-server.js';
import { faults, type FaultValue } from '../chaos/faults.js';
import { readScript, scriptOf } from '../chaos/script.js';
import { namedScenes } from '../chaos/scenes.js';

export interface ChaosCommandOptions {
  readonly port?: number;
  readonly scene?: string;
  readonly script?: string;
  readonly closeIdle?: number;
  readonly json?: true;
}

/** `ripstop chaos`: runs until it is told to stop. Exit code 0 after that, 1 when it cannot start, 2 for a scene that cannot be read. */
export async function chaos(options: ChaosCommandOptions): Promise<number> {
  const { port = 9100, scene = 'ok', script: file, closeIdle, json } = options;
  try {
    const script = file === undefined ? scriptOf(scene) : await readScript(file);
    const over = (request: ChaosRequest): void => console.log(json ? JSON.stringify(request) : line(request));
    const server = await chaosServer({
      script,
      port,
      over,
      ...(closeIdle !== undefined && { closeIdleMs: closeIdle }),
    });
    console.log(
      json ? JSON.stringify({ url: server.url, scene: script.name }) : `Misbehaving at ${server.url} (${script.name})`,
    );
    await toldToStop();
    await server.close();
    return 0;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const sentence = code === 'EADDRINUSE' ? `port ${port} is taken; choose another with --port ${port + 1}` : message;
    console.error(`ripstop: ${sentence}`);
    return error instanceof RangeError ? 2 : 1;
  }
}

function line({ number, path, fault, stream, connection, ms, left }: ChaosRequest): string {
  const how = stream ? 'stream' : 'whole';
  return `#${number} ${path} ${how} ${fault} ${ms} ms, connection ${connection}${left ? ', the client left' : ''}`;
}

const placeholders: Readonly<Record<FaultValue, (usual: number) => string>> = {
  none: () => '',
  duration: (usual) => `=${usual % 1_000 === 0 ? `${usual / 1_000}s` : `${usual}ms`}`,
  words: (usual) => `=${usual}`,
  status: (usual) => `=${usual}`,
};

/** What `ripstop chaos --help` says below the options. */
export function chaosHelp(): string {
  const rows = Object.entries(faults).map(
    ([name, { value, usual, what }]) => `  ${(name + placeholders[value](usual)).padEnd(26)} ${what}`,
  );
  const scenes = Object.entries(namedScenes).map(([name, text]) => `  ${name.padEnd(26)} ${text}`);
  return `
A scene is a list of faults, parted by commas, each with how long it holds:
"503 x2, ok" (two requests), "503 for 60s, ok" (since its first request), "503 at 10%" (that share of the requests).

Faults, each with its usual value:
${rows.join('\n')}

Named scenes:
${scenes.join('\n')}

A request may choose a scene by the header x-chaos-scene, or by a model's name that is one: model: "cut-after=40".
A script is YAML or JSON: { default: "503 x2, ok", scenes: { slow: "first-token-after=20s" } }.
GET /chaos tells what was asked, as JSON.`;
}

function toldToStop(): Promise<void> {
  return new Promise((resolve) => {
    process.once('SIGINT', () => resolve());
    process.once('SIGTERM', () => resolve());
  });
}
