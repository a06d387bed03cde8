// An echo client on Node's `ws`, to compare ws_echo with: node ws_echo_client.mjs URL

import WebSocket from '../agent/node_modules/ws/wrapper.mjs';

const socket = new WebSocket(process.argv[2], { perMessageDeflate: false });
socket.on('message', (data, binary) => socket.send(data, { binary }));
socket.on('close', () => process.exit(0));
socket.on('error', (error) => {
  console.error(error.message);
  process.exit(1);
});
