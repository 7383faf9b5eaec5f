import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TpmAccess } from '../../src/agent/tpm2-tools.ts';
import { eventually } from './running-mesh.ts';

/** Why tests with a TPM cannot run here; false when they can. */
export const noTpm: string | false = ['swtpm', 'tpm2_createek'].some(
  (program) => spawnSync(program, ['--version']).error !== undefined,
)
  ? 'swtpm or tpm2-tools is not installed'
  : false;

/** A TPM 2.0 in software, made new, as the machine of one test has one. */
export class SoftwareTpm {
  readonly #dir: string;
  readonly #process: ChildProcess;
  readonly access: TpmAccess;

  private constructor(dir: string, process: ChildProcess, access: TpmAccess) {
    this.#dir = dir;
    this.#process = process;
    this.access = access;
  }

  static async start(): Promise<SoftwareTpm> {
    const dir = mkdtempSync(join(tmpdir(), 'swtpm-'));
    const socket = join(dir, 'tpm');
    mkdirSync(join(dir, 'state'));
    const args = [
      ...['socket', '--tpm2', '--tpmstate', `dir=${join(dir, 'state')}`],
      ...['--server', `type=unixio,path=${socket}`, '--ctrl', `type=unixio,path=${socket}.ctrl`],
      ...['--flags', 'startup-clear,not-need-init'],
    ];
    // It says a line for each command: into a pipe that nobody reads it would stand still some day.
    const child = spawn('swtpm', args, { stdio: 'ignore' });
    await eventually(
      async () => existsSync(socket) && existsSync(`${socket}.ctrl`),
      5_000,
      () => 'swtpm does not come up',
    );
    const env = { PATH: process.env['PATH'] };
    return new SoftwareTpm(dir, child, { tcti: `swtpm:path=${socket}`, env });
  }

  /** Runs a tool at this TPM to its good end, for what the agent itself never does. */
  tool(name: string, args: readonly string[], input?: Uint8Array): string {
    const env = { PATH: process.env['PATH'], TPM2TOOLS_TCTI: this.access.tcti };
    const { status, stdout, stderr } = spawnSync(name, args, { env, input, encoding: 'utf8' });
    if (status !== 0) throw new Error(`${name}: ${stderr}`);
    return stdout;
  }

  async stop(): Promise<void> {
    const gone = once(this.#process, 'exit');
    this.#process.kill();
    await gone;
    rmSync(this.#dir, { recursive: true });
  }
}
