/** The start page's script. Whatever a model says is shown as text and never as markup. */
export const pageScript = `
const $ = (id) => document.getElementById(id);
let running;

function headers() {
  const key = $('key').value;
  return key ? { authorization: 'Bearer ' + key } : {};
}

function askForKey(status) {
  if (status === 401) $('key-field').hidden = false;
}

async function showState() {
  try {
    const answer = await fetch('/readyz');
    $('state').dataset.state = answer.ok ? 'well' : 'ill';
    $('state').textContent = answer.ok ? 'ready' : 'not ready yet';
  } catch {
    $('state').dataset.state = 'ill';
    $('state').textContent = 'cannot be reached';
  }
}

async function showModels() {
  const answer = await fetch('/v1/models', { headers: headers() });
  askForKey(answer.status);
  if (!answer.ok) return;
  const { data } = await answer.json();
  $('model').replaceChildren(...data.map(({ id }) => new Option(id, id)));
}

function showCurl() {
  const base = location.origin;
  $('curl').textContent =
    "curl " + base + "/generate -H 'content-type: application/json' \\\\\\n" +
    "  -d '{\\"prompt\\": \\"What is a circuit breaker?\\", \\"max_tokens\\": 40}'";
}

function showFacts(facts) {
  $('facts').replaceChildren(...Object.entries(facts).map(([name, value]) => {
    const row = document.createElement('div');
    const term = document.createElement('dt');
    const definition = document.createElement('dd');
    term.textContent = name;
    definition.textContent = value;
    row.append(term, definition);
    return row;
  }));
}

function showError(envelope) {
  $('answer').classList.add('failed');
  $('answer').textContent += ($('answer').textContent ? '\\n\\n' : '') + envelope.error_type + ': ' + envelope.error;
}

async function* frames(body) {
  const decoder = new TextDecoder();
  let rest = '';
  for (let reader = body.getReader(), step = await reader.read(); !step.done; step = await reader.read()) {
    rest += decoder.decode(step.value, { stream: true });
    const parts = rest.split('\\n\\n');
    rest = parts.pop();
    for (const part of parts) {
      const data = part.split('\\n').find((line) => line.startsWith('data: '));
      if (data) yield { failed: part.includes('event: error'), data: JSON.parse(data.slice(6)) };
    }
  }
}

async function send() {
  const started = performance.now();
  const facts = {};
  const answer = await fetch('/generate', {
    method: 'POST',
    headers: { ...headers(), 'content-type': 'application/json' },
    body: JSON.stringify({ prompt: $('prompt').value, max_tokens: Number($('max-tokens').value),
      model: $('model').value || undefined, stream: true }),
    signal: running.signal,
  });
  facts.id = answer.headers.get('x-correlation-id');
  facts.model = answer.headers.get('x-ripstop-model') || '–';
  showFacts(facts);
  if (!answer.ok) {
    askForKey(answer.status);
    return showError(await answer.json());
  }
  for await (const { failed, data } of frames(answer.body)) {
    if (failed) return showError(data);
    if (data.delta) {
      facts['first token'] ??= Math.round(performance.now() - started) + ' ms';
      $('answer').textContent += data.delta;
    }
    if (data.done) facts.tokens = data.input_tokens + ' in' + (data.output_tokens ? ', ' + data.output_tokens + ' out' : '');
  }
  showFacts({ ...facts, 'in all': Math.round(performance.now() - started) + ' ms' });
}

$('try').addEventListener('submit', async (event) => {
  event.preventDefault();
  running = new AbortController();
  $('send').disabled = true;
  $('stop').disabled = false;
  $('answer').classList.remove('failed');
  $('answer').textContent = '';
  try {
    await send();
  } catch (error) {
    if (!running.signal.aborted) showError({ error_type: 'unreachable', error: String(error) });
  } finally {
    $('send').disabled = false;
    $('stop').disabled = true;
  }
});
$('stop').addEventListener('click', () => running?.abort());
$('key').addEventListener('change', showModels);

showCurl();
void showState();
setInterval(showState, 5000);
void showModels();
`;
