import type { Intent } from '../model/types.ts';
import { type CompiledPolicy, compilePolicy } from './compiled-policy.ts';
import { type PolicyDocument, policyDocument } from './document.ts';

interface IntentPolicy {
  readonly document: PolicyDocument;
  readonly policy: CompiledPolicy;
}

const known = new WeakMap<Intent, IntentPolicy>();

/** The policy of an intent, which never changes: made once, however many questions are asked of it. */
export function intentPolicy(intent: Intent): IntentPolicy {
  const found = known.get(intent) ?? newPolicy(intent);
  known.set(intent, found);
  return found;
}

function newPolicy(intent: Intent): IntentPolicy {
  const document = policyDocument(intent);
  return { document, policy: compilePolicy(document) };
}
