import { readFileSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { systemClock } from '../base/clock.ts';
import { ChanceryError, messageOf } from '../base/error.ts';
import { fitted } from '../base/wrap.ts';
import { usageError } from './arguments.ts';
import type { CaCall } from './ca.ts';
import { followRotation } from './ca-rotate.ts';
import { caText } from './ca-text.ts';
import type { ExitCode } from './command.ts';

/** Prints the request for the company's CA; its key never leaves the control plane. */
export async function requestCa({ api, dir, flags, terminal }: CaCall): Promise<ExitCode> {
  const body = { replace: flags.replace === true, by: userInfo().username };
  const reply = await api.post('/v1/ca/requests', { body });
  const { out } = flags;
  if (out !== undefined) writeFileSync(out, reply.pem);
  const next = `when the company's CA has signed it: chancery ca import ${dir} --chain FILE`;
  const text =
    out === undefined
      ? reply.pem.trimEnd()
      : fitted(`${out} holds the request; ${next}`, terminal.width);
  terminal.out(flags.json ? JSON.stringify(reply) : text);
  return 0;
}

/** Hands the files over and, unless it goes on by hand, follows the rotation to its end. */
export async function importCa(call: CaCall): Promise<ExitCode> {
  const { api, dir, flags, terminal } = call;
  const { chain, root, key } = flags;
  if (chain === undefined) throw usageError('ca import needs --chain');
  const driven = flags['by-hand'] === true ? 'hand' : 'auto';
  const body = {
    chain: readText(chain),
    ...(root === undefined ? {} : { root: readText(root) }),
    ...(key === undefined ? {} : { key: readText(key) }),
    by: userInfo().username,
  };
  const reply = await api.post('/v1/ca/imports', { body: { ...body, driven } });
  if (key !== undefined) {
    terminal.err(`the key is in the store now, sealed; remove ${key} and every copy of it`);
  }
  const json = flags.json === true;
  if (driven === 'auto') return followRotation(api, json, terminal);
  const text = caText(reply, dir, systemClock.nowMs(), terminal);
  terminal.out(json ? JSON.stringify(reply) : text);
  return 0;
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    const message = `"${file}" cannot be read: ${messageOf(cause)}`;
    throw new ChanceryError({ code: 'CH3013', message }, { cause });
  }
}
