import { randomBytes } from 'node:crypto';
import { pageScript } from './page-script.js';
import { pageStyle } from './page-style.js';

export interface StartPage {
  readonly html: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** The page at `/`: what this is, is it well, and a box to try the model. Everything in one answer, nothing from afar. */
export function startPage(version: string): StartPage {
  const nonce = randomBytes(16).toString('base64');
  return {
    html: html(version, nonce),
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-store',
      'content-security-policy':
        `default-src 'none'; script-src 'nonce-${nonce}'; style-src 'nonce-${nonce}'; connect-src 'self'; ` +
        `img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
    },
  };
}

function html(version: string, nonce: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Ripstop</title>
<link rel="icon" href="data:,">
<style nonce="${nonce}">${pageStyle}</style>
</head>
<body>
<header>
  <h1>Ripstop</h1>
  <p>One failing model call does not tear the service around it.</p>
  <p id="state" role="status" data-state="unknown">asking …</p>
</header>
<main>
  <form id="try">
    <label for="prompt">Try the model</label>
    <textarea id="prompt" rows="3" maxlength="20000" required>What is a circuit breaker?</textarea>
    <div class="row">
      <span><label for="model">Model</label> <select id="model"></select></span>
      <span><label for="max-tokens">At most</label> <input id="max-tokens" type="number" min="1" max="4096" value="60"> tokens</span>
      <span id="key-field" hidden><label for="key">Key</label> <input id="key" type="password" autocomplete="off"></span>
      <button id="send" type="submit">Send</button>
      <button id="stop" type="button" disabled>Stop</button>
    </div>
  </form>
  <output id="answer" aria-live="polite"></output>
  <dl id="facts"></dl>
  <section>
    <h2>From a program</h2>
    <pre id="curl"></pre>
  </section>
</main>
<footer>Ripstop ${version} · <a href="/health">health</a> · <a href="/v1/models">models</a></footer>
<script nonce="${nonce}">${pageScript}</script>
</body>
</html>
`;
}
