import { type Chute, respond } from 'ripstop/serving';
import { startPage } from '../page/start-page.js';
import { version } from '../version.js';

/** `GET /`: the start page. */
export function addPage(chute: Chute<object>): void {
  chute.cord('page', { path: '/', method: 'GET' }, () => {
    const { html, headers } = startPage(version);
    return respond(200, headers, html);
  });
}
