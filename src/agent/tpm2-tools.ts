import { type ExecFileException, execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ChanceryError } from '../base/error.ts';

/** A TPM of this machine, by Debian's and everybody's tpm2-tools. */
export interface TpmAccess {
  /** How the TPM is reached (tpm2-tools, "TCTI"); else `TPM2TOOLS_TCTI`, else the device through the kernel's resource manager. */
  readonly tcti?: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly toolTimeoutMs?: number;
}

/** One job at a TPM, with a private folder that is gone afterwards. */
export interface TpmJob {
  path(name: string): string;
  read(name: string): Promise<Uint8Array>;
  write(name: string, bytes: Uint8Array): Promise<void>;
  /** Runs one tool to its good end and gives what it printed. */
  run(tool: string, args: readonly string[], input?: Uint8Array): Promise<Uint8Array>;
  /** Like `run`, for tools that leave a key in the TPM, which has room for three. */
  runAndFlush(tool: string, args: readonly string[], input?: Uint8Array): Promise<Uint8Array>;
}

/** Slow TPMs take half a minute to make an RSA key. */
const toolTimeoutMsUnlessSaid = 90_000;
/** What a tool prints or writes: the largest is a certificate. */
const outputBytesMax = 64 * 1_024;
const errorLinesMax = 3;
const resourceManager = '/dev/tpmrm0';

/** The end of the last job at each TPM: a TPM does one thing at a time, and jobs use the same few places in it. */
const lastJobs = new Map<string, Promise<unknown>>();

/** Runs the job alone at its TPM. Rejects with CH3030 (no tools), CH3031 (no TPM) or CH3032 (it refused, or took too long). */
export async function withTpm<T>(access: TpmAccess, job: (tpm: TpmJob) => Promise<T>): Promise<T> {
  const tcti = tctiOf(access);
  const before = lastJobs.get(tcti) ?? Promise.resolve();
  const result = before.then(() => inFolder({ ...access, tcti }, job));
  const done = result.then(
    () => {},
    () => {},
  );
  lastJobs.set(tcti, done);
  return result;
}

function tctiOf({ tcti, env }: TpmAccess): string {
  const named = tcti ?? env['TPM2TOOLS_TCTI'];
  if (named !== undefined && named !== '') return named;
  if (existsSync(resourceManager)) return `device:${resourceManager}`;
  throw new ChanceryError({
    code: 'CH3031',
    message: 'this machine shows no TPM',
    expected: `${resourceManager}, or another way in TPM2TOOLS_TCTI`,
    help: 'switch the TPM on in the firmware, or give the virtual machine one (vTPM)',
  });
}

type Located = TpmAccess & { readonly tcti: string };

async function inFolder<T>(access: Located, job: (tpm: TpmJob) => Promise<T>): Promise<T> {
  // Made with mode 0700: what the tools write in it is out of everybody's reach.
  const dir = await mkdtemp(join(tmpdir(), 'chancery-tpm-'));
  const run: TpmJob['run'] = (tool, args, input) => runTool(access, { tool, args, input });
  const flush = (): Promise<unknown> => run('tpm2_flushcontext', ['--transient-object']);
  const path = (name: string): string => join(dir, name);
  try {
    // What a job left that was killed. Behind a resource manager nothing of others is seen here.
    await flush();
    return await job({
      path,
      read: (name) => readBounded(path(name)),
      write: (name, bytes) => writeFile(path(name), bytes, { mode: 0o600 }),
      run,
      runAndFlush: async (tool, args, input) => {
        try {
          return await run(tool, args, input);
        } finally {
          await flush();
        }
      },
    });
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

async function readBounded(path: string): Promise<Uint8Array> {
  await using file = await open(path, 'r');
  const { size } = await file.stat();
  if (size > outputBytesMax) throw refusedBy('the TPM', `a file of ${size} bytes`);
  return new Uint8Array(await file.readFile());
}

interface ToolRun {
  readonly tool: string;
  readonly args: readonly string[];
  readonly input: Uint8Array | undefined;
}

/** Variables that the tools need; what else lies in the environment could change what they do. */
function environment({ tcti, env }: Located): Record<string, string> {
  return { PATH: env['PATH'] ?? '', LC_ALL: 'C', TPM2TOOLS_TCTI: tcti };
}

function runTool(access: Located, { tool, args, input }: ToolRun): Promise<Uint8Array> {
  const timeoutMs = access.toolTimeoutMs ?? toolTimeoutMsUnlessSaid;
  return new Promise((resolve, reject) => {
    const child = execFile(
      tool,
      args,
      {
        env: environment(access),
        encoding: 'buffer',
        timeout: timeoutMs,
        killSignal: 'SIGKILL',
        maxBuffer: outputBytesMax,
      },
      (error, stdout, stderr) => {
        if (error === null) resolve(new Uint8Array(stdout));
        else reject(toolError(access, { tool, timeoutMs, error, stderr: stderr.toString('utf8') }));
      },
    );
    // A tool that does not read its input may be gone before it is written.
    child.stdin?.on('error', () => {});
    child.stdin?.end(input);
  });
}

function toolError(
  access: Located,
  run: {
    readonly tool: string;
    readonly timeoutMs: number;
    readonly error: ExecFileException;
    readonly stderr: string;
  },
): ChanceryError {
  const { tool, timeoutMs, error, stderr } = run;
  if (error.code === 'ENOENT') return toolsMissing(tool);
  if (error.code === 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER')
    return refusedBy(tool, `it printed more than ${outputBytesMax} bytes`);
  if (error.killed === true) return refusedBy(tool, `no end within ${timeoutMs / 1_000} s`);
  return failed(access, tool, stderr);
}

function toolsMissing(tool: string): ChanceryError {
  return new ChanceryError({
    code: 'CH3030',
    message: `the program ${tool} is not installed`,
    expected: 'tpm2-tools 5 on PATH',
    help: 'apt install tpm2-tools, or dnf install tpm2-tools',
  });
}

function failed({ tcti }: Located, tool: string, stderr: string): ChanceryError {
  const lines = stderr.split('\n').filter((line) => line.startsWith('ERROR: '));
  const said = lines.slice(0, errorLinesMax).map((line) => line.slice('ERROR: '.length));
  if (!said.some((line) => line.includes('Could not load tcti'))) {
    return refusedBy(tool, said.join('; '));
  }
  return new ChanceryError({
    code: 'CH3031',
    message: `the TPM does not answer at ${tcti}`,
    found: said.join('; '),
    help: 'run as root or in the group `tss`, and look whether the device is there: ls -l /dev/tpm*',
  });
}

function refusedBy(tool: string, found: string): ChanceryError {
  return new ChanceryError({
    code: 'CH3032',
    message: `${tool} has failed`,
    found: found === '' ? 'it said nothing' : found,
    help: 'the found line is what the TPM said; chancery help CH3032 names the usual reasons',
  });
}
