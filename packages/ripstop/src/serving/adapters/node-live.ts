import type { Socket } from 'node:net';
import type { NodeExchange } from './node-exchange.js';

/** The requests that are being answered, by connection. */
export class LiveExchanges {
  private readonly bySocket = new Map<Socket, Set<NodeExchange>>();
  private state: 'open' | 'draining' = 'open';

  get count(): number {
    return this.all().length;
  }

  /** A connection is known from its beginning, or from its first request. */
  connected(socket: Socket): Set<NodeExchange> {
    const known = this.bySocket.get(socket);
    if (known !== undefined) return known;
    const exchanges = new Set<NodeExchange>();
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
    exchanges.add(exchange);
    if (this.state === 'draining') exchange.response.shouldKeepAlive = false;
    exchange.response.on('close', () => {
      exchanges.delete(exchange);
      exchange.close();
      if (this.state === 'draining' && exchanges.size === 0) socket.destroySoon();
    });
  }

  /** What is being answered on a connection, the oldest first. */
  on(socket: Socket): ReadonlySet<NodeExchange> {
    return this.connected(socket);
  }

  all(): NodeExchange[] {
    return [...this.bySocket.values()].flatMap((exchanges) => [...exchanges]);
  }

  /** From now on every connection ends with its last answer. */
  drain(): void {
    this.state = 'draining';
    for (const { response } of this.all()) if (!response.headersSent) response.shouldKeepAlive = false;
    for (const [socket, exchanges] of this.bySocket) if (exchanges.size === 0) socket.destroySoon();
  }

  destroyAll(): void {
    for (const socket of this.bySocket.keys()) socket.destroy();
  }
}
