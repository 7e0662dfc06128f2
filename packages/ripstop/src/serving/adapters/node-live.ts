import type { Socket } from 'node:net';
import type { NodeExchange } from './node-exchange.js';

/**
 * The requests that are being answered, by connection. Nearly always one, so in a list: a set leaves its old tables
 * behind with every change, and what they point to outlives its request by far (V8 11).
 */
export class LiveExchanges {
  private readonly bySocket = new Map<Socket, NodeExchange[]>();
  private state: 'open' | 'draining' = 'open';

  get count(): number {
    return this.all().length;
  }

  /** A connection is known from its beginning, or from its first request. */
  connected(socket: Socket): NodeExchange[] {
    const known = this.bySocket.get(socket);
    if (known !== undefined) return known;
    const exchanges: NodeExchange[] = [];
    this.bySocket.set(socket, exchanges);
    socket.once('close', () => {
      this.bySocket.delete(socket);
      // Node closes the answer that is under way, and forgets those that wait behind it for their turn.
      for (const exchange of exchanges) exchange.close();
    });
    return exchanges;
  }

  add(exchange: NodeExchange): void {
    const { socket } = exchange.request;
    const exchanges = this.connected(socket);
    exchanges.push(exchange);
    if (this.state === 'draining') exchange.response.shouldKeepAlive = false;
    exchange.response.on('close', () => {
      exchanges.splice(exchanges.indexOf(exchange), 1);
      exchange.close();
      if (this.state === 'draining' && exchanges.length === 0) socket.destroySoon();
    });
  }

  /** What is being answered on a connection, the oldest first. */
  on(socket: Socket): readonly NodeExchange[] {
    return this.connected(socket);
  }

  all(): NodeExchange[] {
    return [...this.bySocket.values()].flat();
  }

  /** From now on every connection ends with its last answer. */
  drain(): void {
    this.state = 'draining';
    for (const { response } of this.all()) if (!response.headersSent) response.shouldKeepAlive = false;
    for (const [socket, exchanges] of this.bySocket) if (exchanges.length === 0) socket.destroySoon();
  }

  destroyAll(): void {
    for (const socket of this.bySocket.keys()) socket.destroy();
  }
}
