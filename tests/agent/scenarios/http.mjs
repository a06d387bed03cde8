// Health, liveness and metrics over HTTP.

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { until } from '../lib/wait.mjs';
import { inWorld, programs } from '../lib/world.mjs';

export function httpScenarios() {
  it('/health is 200 with the facts while panel and engine are there, 503 with the reason while not', () => inWorld({}, async (world) => {
    const { agent, link, panel } = world;
    await world.run('health', { startup: programs.stubborn });
    const good = await until('health', async () => {
      const health = await agent.health();
      return health.code === 200 && health;
    });
    assert.equal(good.status, 'healthy');
    assert.equal(good.connected, true);
    assert.equal(good.nodeId, agent.nodeId);
    assert.equal(good.runtime.reachable, true);
    assert.ok(good.servers.running >= 1 && good.servers.total >= good.servers.running);
    assert.ok(good.uptime >= 0);
    assert.equal(good.version, link.messages().find((m) => m.type === 'system_info').data.agentVersion);
    assert.match(good.timestamp, /^\d{4}-.*\.\d{3}Z$/);
    await panel.stop();
    const bad = await until('degraded health', async () => {
      const health = await agent.health();
      return health.code === 503 && health;
    });
    assert.equal(bad.status, 'degraded');
    assert.equal(bad.connected, false);
    assert.ok(Array.isArray(bad.reasons) && bad.reasons.length > 0 && bad.reasons.every((r) => r.length > 0));
    assert.equal((await agent.http('/livez')).status, 200);
    await panel.listen();
    await until('health again', async () => (await agent.health()).code === 200);
  }));

  it('/metrics is OpenMetrics text', () => inWorld({}, async ({ agent }) => {
    const { status, headers, text } = await agent.http('/metrics');
    assert.equal(status, 200);
    assert.match(headers['content-type'], /^application\/openmetrics-text; version=1\.0\.0/);
    assert.ok(text.endsWith('# EOF\n'), 'ends with # EOF');
    const families = new Map();
    for (const line of text.trimEnd().split('\n')) {
      const type = line.match(/^# TYPE (\S+) (\S+)$/);
      if (type) {
        assert.ok(!families.has(type[1]), `${type[1]} twice`);
        families.set(type[1], type[2]);
      } else if (!line.startsWith('#')) {
        const sample = line.match(/^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{[^}]*\})? (-?[0-9.e+-]+|\+Inf|NaN)$/);
        assert.ok(sample, `not a sample: ${line}`);
        const base = sample[1].replace(/_(total|info|bucket|sum|count)$/, '');
        assert.ok(families.has(sample[1]) || families.has(base), `no TYPE for ${line}`);
        if (families.get(base) === 'counter') assert.match(sample[1], /_total$/);
      }
    }
    assert.ok(families.size >= 3, text);
  }));

  it('no other path and no other method is answered', () => inWorld({}, async ({ agent, secret }) => {
    for (const path of ['/', '/healthz', '/health/', '/metrics/x', '/../etc/passwd', '/%00', '/debug', '/health%2f']) {
      assert.equal((await agent.http(path)).status, 404, path);
    }
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH']) {
      for (const path of ['/health', '/livez', '/metrics']) {
        assert.equal((await agent.http(path, method)).status, 405, `${method} ${path}`);
      }
    }
    for (const path of ['/health', '/livez', '/metrics', '/nothing']) {
      assert.ok(!(await agent.http(path)).text.includes(secret), path);
    }
  }));
}
