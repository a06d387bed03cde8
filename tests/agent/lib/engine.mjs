// The real engine's own word, over Docker's HTTP API, which Podman serves too: what the agent claims
// is compared with it.

import http from 'node:http';

export class Engine {
  /** `list`: where it lists containers. Podman's form of Docker's list fails as a whole when its
   *  storage has lost one of them, be it anybody's; its own does not. */
  constructor(socketPath, list = '/containers/json') {
    this.socketPath = socketPath;
    this.list = list;
  }

  request(method, pathname) {
    return new Promise((resolve, reject) => {
      const request = http.request({ socketPath: this.socketPath, method, path: pathname, agent: false }, (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (data) => { text += data; });
        response.on('end', () => {
          const body = text === '' ? null : JSON.parse(text);
          if (response.statusCode >= 400) {
            reject(Object.assign(new Error(`${method} ${pathname}: ${body?.message}`), { status: response.statusCode }));
          } else {
            resolve(body);
          }
        });
      });
      request.on('error', reject);
      request.end();
    });
  }

  /** What the engine says of a server's container; null when it has none. */
  async inspect(serverId) {
    try {
      return await this.request('GET', `/containers/ctrl-alt-play-${serverId}/json`);
    } catch (error) {
      // Podman says it with 500 where the container goes while it is looked at.
      if (error.status === 404 || /no such container/.test(error.message)) return null;
      throw error;
    }
  }

  kill(serverId, signal = 'KILL') {
    return this.request('POST', `/containers/ctrl-alt-play-${serverId}/kill?signal=${signal}`);
  }

  async remove(serverId) {
    // Podman's removal of what runs waits out the stop timeout.
    await this.kill(serverId).catch(() => {});
    await this.request('DELETE', `/containers/ctrl-alt-play-${serverId}?force=true&v=true`).catch(() => {});
  }

  /** Server ids of all containers and the states they are in, seen at one moment. */
  async states() {
    const filters = encodeURIComponent(JSON.stringify({ label: ['ctrl-alt-play.managed=true'] }));
    const list = await this.request('GET', `${this.list}?all=true&filters=${filters}`);
    return new Map(list.map((c) => [c.Labels['ctrl-alt-play.server-id'], c.State]));
  }

  /** Server ids of all containers whose id begins with `prefix`. */
  async servers(prefix) {
    return [...(await this.states()).keys()].filter((id) => id?.startsWith(prefix));
  }

  async removeAll(prefix) {
    for (const id of await this.servers(prefix)) await this.remove(id);
  }
}
