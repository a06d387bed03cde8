// Text and frames that are no command: the right refusal, and nothing and nobody else harmed.

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { fragments, frame, kBinary, kContinuation, kPing, kText } from '../lib/frames.mjs';
import { besideBystander, freshId, refusedAs, refusedText } from '../lib/refusals.mjs';
import { until } from '../lib/wait.mjs';

const nested = (depth) => `${'['.repeat(depth)}${']'.repeat(depth)}`;

export function messageScenarios() {
  it('text that is no JSON object is a PARSE_ERROR', besideBystander(async (world) => {
    const texts = {
      'not JSON': 'hello', empty: '', spaces: '   ', 'half an object': '{"id":"x","type":"command"', number: '42',
      text: '"text"', null: 'null', list: '[{"id":"x","type":"command","action":"get_status"}]', 'bare word': '{id:1}',
      'single quotes': "{'id':'x'}", 'two objects': '{"id":"a"}{"id":"b"}', 'trailing comma': '{"id":"a",}',
      'NaN': '{"id":"a","type":"command","action":"stop_server","payload":{"timeout":NaN}}',
      'infinity': '{"id":"a","type":"command","action":"stop_server","payload":{"timeout":-Infinity}}',
      'a raw NUL': '{"id":"a\u0000b","type":"command","action":"list_servers"}',
      'a raw newline in a text': '{"id":"a\nb","type":"command","action":"list_servers"}',
      'a comment': '{"id":"a"/* */}', 'hex number': '{"id":0x1}', 'leading zero': '{"a":01}', 'byte order mark': '\ufeff{}x',
      'a lone surrogate cut short': '{"id":"\\u12"}',
    };
    for (const [what, text] of Object.entries(texts)) await refusedText(world, what, text, 'PARSE_ERROR');
  }));

  it('duplicate keys are a PARSE_ERROR, wherever they are', besideBystander(async (world) => {
    const texts = {
      'two ids': '{"id":"a","type":"command","action":"list_servers","id":"b"}',
      'two actions': '{"id":"a","type":"command","action":"list_servers","action":"kill_server"}',
      'two keys inside': '{"id":"a","type":"command","action":"stop_server","serverId":"x","payload":{"timeout":1,"timeout":2}}',
      'the same key escaped': '{"id":"a","type":"command","action":"list_servers","\\u0069d":"b"}',
    };
    for (const [what, text] of Object.entries(texts)) await refusedText(world, what, text, 'PARSE_ERROR');
  }));

  it('nesting deeper than 32 is a PARSE_ERROR, 32 is not', besideBystander(async (world) => {
    for (const depth of [32, 33, 1000, 200_000]) {
      await refusedText(world, `depth ${depth + 1}`, `{"type":"command","action":"x","payload":${nested(depth)}}`, 'PARSE_ERROR');
    }
    await refusedText(world, 'deep objects', `${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}`, 'PARSE_ERROR');
    const id = freshId();
    world.link.expectResponse(id, 'list_servers');
    world.link.sendText(`{"id":"${id}","type":"command","action":"list_servers","extra":${nested(31)}}`);
    const response = await world.link.waitFor((m) => m.type === 'response' && m.id === id, 'response');
    assert.equal(response.success, true, JSON.stringify(response));
  }));

  it('messages over 1 MiB are MESSAGE_TOO_LARGE, whole or in fragments; 1 MiB is not', besideBystander(async (world) => {
    const { link } = world;
    const padded = (size) => {
      const head = `{"id":"${freshId()}","type":"command","action":"list_servers","extra":"`;
      return `${head}${'x'.repeat(size - head.length - 2)}"}`;
    };
    for (const size of [(1 << 20) + 1, Math.round(1.1 * (1 << 20)), 5 << 20]) {
      await refusedText(world, `${size} bytes`, padded(size), 'MESSAGE_TOO_LARGE');
    }
    const mark = link.mark();
    const cuts = Array.from({ length: 39 }, (_, i) => (i + 1) * 32_768);
    for (const piece of fragments(padded(40 * 32_768), cuts)) link.sendBytes(piece);
    await refusedAs(world, 'large in fragments', 'MESSAGE_TOO_LARGE', mark);
    const text = padded(1 << 20);
    const { id } = JSON.parse(text);
    link.expectResponse(id, 'list_servers');
    link.sendText(text);
    const response = await link.waitFor((m) => m.type === 'response' && m.id === id, 'response to exactly 1 MiB');
    assert.equal(response.success, true, JSON.stringify(response).slice(0, 300));
  }));

  it('invalid UTF-8 and binary frames are refused and the connection lives', besideBystander(async (world) => {
    const { link } = world;
    const wrap = (bytes) => Buffer.concat([
      Buffer.from('{"type":"command","action":"list_servers","extra":"'), Buffer.from(bytes), Buffer.from('"}'),
    ]);
    const bytes = {
      'a stray continuation': [0x80], overlong: [0xc0, 0xaf], 'a surrogate': [0xed, 0xa0, 0x80],
      'beyond Unicode': [0xf4, 0x90, 0x80, 0x80], 'cut short': [0xe2, 0x82], 'never valid': [0xff, 0xfe],
      'overlong NUL': [0xc0, 0x80],
    };
    for (const [what, sequence] of Object.entries(bytes)) {
      const mark = link.mark();
      link.sendBytes(frame(kText, wrap(sequence)));
      await refusedAs(world, what, 'PARSE_ERROR', mark);
    }
    for (const body of ['{"id":"b1","type":"command","action":"list_servers"}', '', '\u0000\u0001']) {
      const mark = link.mark();
      link.sendBytes(frame(kBinary, body));
      await refusedAs(world, 'binary frame', 'PARSE_ERROR', mark);
    }
    const mark = link.mark();
    const pieces = [frame(kBinary, 'abc', { fin: false }), frame(kContinuation, 'def')];
    for (const piece of pieces) link.sendBytes(piece);
    await refusedAs(world, 'binary in fragments', 'PARSE_ERROR', mark);
  }));

  it('fragments are put together, with pings between them answered by their own payload', besideBystander(async (world) => {
    const { link } = world;
    const id = freshId();
    const text = JSON.stringify({ id, type: 'command', action: 'list_servers', extra: 'zwölf Ã€ 🎮 end' });
    const body = Buffer.from(text, 'utf8');
    link.expectResponse(id, 'list_servers');
    const cuts = Array.from({ length: body.length - 1 }, (_, i) => i + 1);
    for (const piece of fragments(body, cuts, (i) => (i % 10 === 0 ? [frame(kPing, `ping ${i} in ${id}`)] : []))) {
      link.sendBytes(piece);
    }
    const response = await link.waitFor((m) => m.type === 'response' && m.id === id, 'response');
    assert.equal(response.success, true);
    for (let i = 0; i + 1 < cuts.length; i += 10) assert.ok(link.pongs.includes(`ping ${i} in ${id}`), `pong ${i}`);
    // A command that came in one packet with the next.
    const [one, two] = [freshId(), freshId()];
    for (const each of [one, two]) link.expectResponse(each, 'list_servers');
    link.sendBytes(Buffer.concat([one, two].map((each) =>
      frame(kText, JSON.stringify({ id: each, type: 'command', action: 'list_servers' })))));
    for (const each of [one, two]) await link.waitFor((m) => m.type === 'response' && m.id === each, 'response');
    link.sendBytes(frame(kPing, 'p'.repeat(125)));
    link.sendBytes(frame(kPing, ''));
    await until('pongs', () => link.pongs.includes('p'.repeat(125)) && link.pongs.includes(''));
    // Empty fragments, and a message that is nothing but them.
    const mark = link.mark();
    for (const piece of [frame(kText, '', { fin: false }), frame(kContinuation, '', { fin: false }), frame(kContinuation, '')]) {
      link.sendBytes(piece);
    }
    await refusedAs(world, 'empty message', 'PARSE_ERROR', mark);
  }));
}
