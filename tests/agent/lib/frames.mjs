// WebSocket frames made by hand, for what a well-behaved library refuses to send.

export const kContinuation = 0x0;
export const kText = 0x1;
export const kBinary = 0x2;
export const kPing = 0x9;

/** One unmasked frame, as a server sends it. */
export function frame(opcode, payload, { fin = true } = {}) {
  const body = Buffer.isBuffer(payload) ? payload : Buffer.from(payload, 'utf8');
  const first = (fin ? 0x80 : 0) | opcode;
  let head;
  if (body.length < 126) {
    head = Buffer.from([first, body.length]);
  } else if (body.length < 65_536) {
    head = Buffer.alloc(4);
    head.writeUInt8(first, 0);
    head.writeUInt8(126, 1);
    head.writeUInt16BE(body.length, 2);
  } else {
    head = Buffer.alloc(10);
    head.writeUInt8(first, 0);
    head.writeUInt8(127, 1);
    head.writeBigUInt64BE(BigInt(body.length), 2);
  }
  return Buffer.concat([head, body]);
}

/** `payload` as a text message in pieces cut at `cuts`, with `between` after every piece but the last. */
export function fragments(payload, cuts, between = () => []) {
  const body = Buffer.isBuffer(payload) ? payload : Buffer.from(payload, 'utf8');
  const edges = [0, ...cuts, body.length];
  const out = [];
  for (let i = 0; i + 1 < edges.length; i++) {
    const last = i + 2 === edges.length;
    out.push(frame(i === 0 ? kText : kContinuation, body.subarray(edges[i], edges[i + 1]), { fin: last }));
    if (!last) out.push(...between(i));
  }
  return out;
}
