/** A program of its own, so that it can stand in other namespaces: says of each caller, in JSON, how attesting it ended. */
import { attest } from '../../src/agent/attest/attest.ts';
import { attestorParts } from '../../src/agent/host-identities.ts';
import { HoldingSocket } from './connector.ts';

const socket = await HoldingSocket.open();
process.stdout.write(`${JSON.stringify(socket.path)}\n`);
for (;;) {
  const peer = await socket.accepted();
  const attested = await attest(peer, attestorParts(), { hash: false });
  process.stdout.write(`${JSON.stringify(attested)}\n`);
}
