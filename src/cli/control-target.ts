import { readFileSync } from 'node:fs';
import { checkServerIdentity, type PeerCertificate } from 'node:tls';
import { layoutOf } from '../app/layout.ts';
import { serverHolder } from '../app/server-holder.ts';
import { ChanceryError, messageOf } from '../base/error.ts';
import { type ApiClient, createClient } from '../client/client.ts';
import { controlPlaneId, parseSpiffeId, trustDomainOf } from '../identity/spiffe-id.ts';
import { type ApiTarget, nodeTransport } from '../serve/api/client.ts';
import { https } from '../serve/api/node-http.ts';
import type { HelpLine, Values } from './arguments.ts';
import { folderNamed } from './folder.ts';

/** Where the control plane is; for every command that asks it. Each has a variable, so that it is said once. */
export const targetFlags = {
  api: { type: 'string' },
  'token-file': { type: 'string' },
  'ca-file': { type: 'string' },
  'cert-file': { type: 'string' },
  'key-file': { type: 'string' },
} as const;

/** A command that asks only at times takes only some of them. */
export type TargetValues = Partial<Values<typeof targetFlags>>;

export const targetHelp: readonly HelpLine[] = [
  '',
  '  Without DIR, of a control plane on another machine (its --api-port):',
  ['  --api https://HOST:PORT', 'or CHANCERY_API'],
  ['  --token-file FILE', 'or CHANCERY_TOKEN_FILE, of chancery token create'],
  [
    '  --cert-file FILE --key-file FILE',
    'or CHANCERY_CERT_FILE and CHANCERY_KEY_FILE, in place of a token',
  ],
  [
    '  --ca-file FILE',
    'or CHANCERY_CA_FILE: who signed its certificate; the public CAs unless said',
  ],
];

const variables = {
  api: 'CHANCERY_API',
  'token-file': 'CHANCERY_TOKEN_FILE',
  'ca-file': 'CHANCERY_CA_FILE',
  'cert-file': 'CHANCERY_CERT_FILE',
  'key-file': 'CHANCERY_KEY_FILE',
} as const;

/** The control plane that is asked: see `controlTarget`. */
export function controlClient(values: TargetValues, dir: string | undefined): ApiClient {
  const target = controlTarget(values, dir);
  const send = nodeTransport(target);
  const isLocal = typeof target === 'string';
  return createClient((call) =>
    saidWhenLate(send(call)).catch((error: unknown) => {
      throw isLocal ? unlessItRuns(error, dir) : error;
    }),
  );
}

/** Who is told to start what runs already is told next that it cannot be started. */
function unlessItRuns(error: unknown, dir: string | undefined): unknown {
  if (!(error instanceof ChanceryError) || error.code !== 'CH5402') return error;
  const pid = serverHolder(layoutOf(folderNamed(dir ?? '.'), process.env));
  if (pid === undefined) return error;
  const help =
    'it makes its socket when it starts, and again within 2 s where that was removed; if it does not come, its log says why';
  const message = `${error.finding.message}; it runs, as process ${pid}`;
  return new ChanceryError({ ...error.finding, message, help }, { cause: error.cause });
}

/** Longer than what commands say of their own about a call that takes its time. */
const lateMs = 3_000;

/** Nobody is to look at an empty line: a control plane that hangs is waited for half a minute. */
async function saidWhenLate<Value>(call: Promise<Value>): Promise<Value> {
  const timer = setTimeout(
    () => process.stderr.write('the control plane has not answered yet; still waiting\n'),
    lateMs,
  );
  try {
    return await call;
  } finally {
    clearTimeout(timer);
  }
}

/** The socket of the mesh in `dir`, or the API that flags or the environment name. A folder that was named goes first. */
function controlTarget(
  values: TargetValues,
  dir: string | undefined,
  env: NodeJS.ProcessEnv = process.env,
): ApiTarget {
  const said = (name: keyof typeof variables): string | undefined => {
    const flag = values[name];
    if (flag !== undefined) return flag;
    const variable = env[variables[name]];
    return variable === '' ? undefined : variable;
  };
  const isLocal = dir !== undefined && values.api === undefined;
  const api = isLocal ? undefined : said('api');
  if (api === undefined) return layoutOf(folderNamed(dir ?? '.'), env).controlSocket;
  if (dir !== undefined) throw mistake('DIR and --api both say where the control plane is');
  return remote(api, said);
}

function remote(
  api: string,
  said: (name: keyof typeof variables) => string | undefined,
): ApiTarget {
  const url = URL.parse(api);
  if (url?.protocol !== 'https:' || url.username !== '' || !['', '/'].includes(url.pathname)) {
    throw mistake(`"${api}" is not where a control plane can be: https://HOST:PORT`);
  }
  const [token, ca] = [fileOf(said('token-file')), fileOf(said('ca-file'))];
  const [cert, key] = [fileOf(said('cert-file')), fileOf(said('key-file'))];
  if ((cert === undefined) !== (key === undefined)) {
    throw mistake('--cert-file and --key-file go together');
  }
  const agent = new https.Agent({
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined || key === undefined ? {} : { cert, key }),
    minVersion: 'TLSv1.3',
    checkServerIdentity: isControlPlane,
  });
  // An address of version 6 stands in brackets in a URL only.
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const target = { host, port: Number(url.port || 443), agent };
  if (token === undefined) return target;
  if (!/^[\x21-\x7e]+$/.test(token.trim())) {
    throw mistake(`"${said('token-file')}" holds no token`);
  }
  return { ...target, token: token.trim() };
}

/**
 * A certificate with a SPIFFE ID must have the control plane's: every workload of the mesh has one of the same CA. Any other
 * is held against the name, as a browser does.
 */
function isControlPlane(host: string, certificate: PeerCertificate): Error | undefined {
  const [, uri] = /(?:^|, )URI:(spiffe:[^,]*)/.exec(certificate.subjectaltname ?? '') ?? [];
  if (uri === undefined) return checkServerIdentity(host, certificate);
  const id = parseSpiffeId(uri);
  return id.ok && id.value === controlPlaneId(trustDomainOf(id.value))
    ? undefined
    : new Error(`"${uri}" is no control plane`);
}

function fileOf(path: string | undefined): string | undefined {
  if (path === undefined) return undefined;
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw mistake(`"${path}" cannot be read: ${messageOf(error)}`);
  }
}

function mistake(message: string): ChanceryError {
  return new ChanceryError({
    code: 'CH5439',
    message,
    help: '--api https://HOST:PORT --token-file FILE --ca-file FILE, or CHANCERY_API and the like',
  });
}
