import type { Intent } from '../../model/types.ts';
import { policyDocument } from '../../policy/document.ts';
import type { ShadowInfo, ShadowOrder } from '../../serve/api/wire-shadow.ts';
import type { Store } from '../../store/store.ts';
import { readIntent } from '../read-intent.ts';
import type { FencedStore } from '../replicas/fenced-store.ts';
import { packFiles, unpackFiles } from './shadow-files.ts';

export const shadowKind = 'shadow';
const currentId = 'current';

/** Who had it ride, and until when. */
export type ShadowRecord = Pick<
  ShadowInfo,
  'id' | 'branch' | 'commit' | 'subject' | 'by' | 'startedMs' | 'endsMs' | 'endedMs' | 'endedBy'
>;

/** The one that rides, or did so last. */
export interface HeldShadow {
  readonly record: ShadowRecord;
  readonly files: ReadonlyMap<string, string>;
  readonly intent: Intent;
  readonly order: ShadowOrder;
}

interface StoredShadow {
  readonly record: ShadowRecord;
  /** See `packFiles`; in base64. */
  readonly files: string;
}

export function heldShadow(
  record: ShadowRecord,
  files: ReadonlyMap<string, string>,
  intent: Intent,
): HeldShadow {
  const { id, endsMs } = record;
  return { record, files, intent, order: { id, endsMs, document: policyDocument(intent) } };
}

/** Undefined: there was none, or it does not hold for this version. */
export async function readShadow(
  store: Pick<Store, 'get'>,
  nowMs: number,
): Promise<HeldShadow | undefined> {
  const stored = await store.get(shadowKind, currentId);
  if (stored === undefined) return undefined;
  const { record, files: packed } = JSON.parse(
    Buffer.from(stored.value).toString('utf8'),
  ) as StoredShadow;
  const files = await unpackFiles(Buffer.from(packed, 'base64'));
  const intent = files && readIntent(files, nowMs).intent;
  return files && intent && heldShadow(record, files, intent);
}

/** Durable when it resolves. Errors: CH5450. */
export async function writeShadow(store: FencedStore, held: HeldShadow): Promise<void> {
  const { record, files } = held;
  const value: StoredShadow = { record, files: (await packFiles(files)).toString('base64') };
  await store.put(shadowKind, currentId, Buffer.from(JSON.stringify(value)), undefined);
}
