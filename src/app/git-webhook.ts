import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Finding } from '../base/finding.ts';
import { findingFields, type Log } from '../base/log.ts';
import { webhookRefused } from '../git/remote-findings.ts';
import { readSecretFile } from '../git/secret-file.ts';

/** What a Git server sends when somebody has pushed. */
interface WebhookCall {
  /** Names in lower case, as Node gives them. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: Uint8Array;
}

type WebhookAnswer =
  | { readonly status: 202 }
  | { readonly status: 401 | 503; readonly finding: Finding };

export interface GitWebhook {
  /** POST /v1/git/webhook. */
  handle(call: WebhookCall): Promise<WebhookAnswer>;
  /** Whether calls can be checked, before one comes. */
  look(): Promise<void>;
  /** Why none can be checked, as it was when it was looked at last. */
  readonly findings: readonly Finding[];
}

/** The largest that GitHub sends. */
export const webhookBodyBytesMax = 25 * 1024 * 1024;

const signatureHeaders = ['x-hub-signature-256', 'x-gitea-signature', 'x-forgejo-signature'];
const tokenHeader = 'x-gitlab-token';

/**
 * Knows by a secret that the call is of the Git server, and then only looks for itself: nothing of what the call says is
 * believed, so that one that is sent again costs a fetch and no more. The secret is read at each call.
 */
export function gitWebhook(options: {
  readonly secretFile: string;
  /** Told the W3C trace that the call is part of, where it says one. */
  readonly onPush: (traceparent: string | undefined) => void;
  readonly log: Log;
}): GitWebhook {
  const { secretFile, onPush, log } = options;
  let problem: Finding | undefined;
  const read = async (): Promise<readonly string[] | undefined> => {
    const secrets = await readSecretFile(secretFile);
    problem = secrets.ok ? undefined : secrets.error;
    if (problem !== undefined) log.error('webhooks cannot be checked', findingFields(problem));
    return secrets.ok ? secrets.value : undefined;
  };
  return {
    look: async () => void (await read()),
    get findings() {
      return problem === undefined ? [] : [problem];
    },
    handle: async (call) => {
      const secrets = await read();
      if (secrets === undefined) return { status: 503, finding: cannotBeChecked };
      const refusal = refusalOf(call, secrets);
      if (refusal === undefined) {
        const { traceparent } = call.headers;
        onPush(typeof traceparent === 'string' ? traceparent : undefined);
        return { status: 202 };
      }
      const finding = webhookRefused(refusal);
      log.warn('a webhook was refused', findingFields(finding));
      return { status: 401, finding };
    },
  };
}

/** Whoever calls is a stranger, and learns nothing of our files. */
const cannotBeChecked: Finding = {
  code: 'CH5328',
  severity: 'error',
  message: 'webhooks cannot be checked now',
  help: 'chancery status, and the log of the control plane, say why',
};

/** Each proof that came must be right: a wrong one beside a right one is no mistake of a Git server. */
function refusalOf({ headers, body }: WebhookCall, secrets: readonly string[]): string | undefined {
  const signatures = signatureHeaders.filter((name) => headers[name] !== undefined);
  const wrong = signatures.find((name) => !isSigned(headers[name], body, secrets));
  if (wrong !== undefined) return `a wrong ${wrong}`;
  const token = headers[tokenHeader];
  if (token !== undefined && !isToken(token, secrets)) return `a wrong ${tokenHeader}`;
  return signatures.length === 0 && token === undefined ? 'no signature' : undefined;
}

function isSigned(
  given: string | readonly string[] | undefined,
  body: Uint8Array,
  secrets: readonly string[],
): boolean {
  const hex = /^(?:sha256=)?([0-9a-f]{64})$/.exec(typeof given === 'string' ? given : '')?.[1];
  if (hex === undefined) return false;
  const bytes = Buffer.from(hex, 'hex');
  return isAny(secrets, (secret) => timingSafeEqual(hmac(secret, body), bytes));
}

/** By a hash of each: how long the comparison takes says nothing of the secret, nor of its length. */
function isToken(given: string | readonly string[], secrets: readonly string[]): boolean {
  if (typeof given !== 'string') return false;
  const key = 'compare';
  return isAny(secrets, (secret) => timingSafeEqual(hmac(key, secret), hmac(key, given)));
}

/** Asks all, so that it takes the same time whichever it is. */
function isAny(secrets: readonly string[], fits: (secret: string) => boolean): boolean {
  return secrets.filter(fits).length > 0;
}

function hmac(key: string, data: string | Uint8Array): Buffer {
  return createHmac('sha256', key).update(data).digest();
}
