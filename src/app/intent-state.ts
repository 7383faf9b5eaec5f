import type { Finding } from '../base/finding.ts';
import type { Compiled } from '../compile/revision.ts';
import type { Contained } from '../model/contained.ts';
import type { Intent } from '../model/types.ts';
import type { AgentUpdate } from '../serve/api/wire.ts';
import type { IntentTree } from './intent-source.ts';
import type { Commit } from './publisher.ts';

/** A commit that was accepted, and what runs while it is on its way. */
export interface Accepted {
  readonly tree: IntentTree;
  readonly intent: Intent;
  readonly base: Commit;
  readonly approved: boolean;
  /** What a gate compiled of the intent, where one did. */
  readonly compiled: Compiled | undefined;
}

/**
 * What the mesh runs on. `empty`: no commit was accepted yet. `running`: the last good one. `refused` holds the commit
 * that was turned down since.
 */
export type IntentState =
  | { readonly kind: 'empty'; readonly refused: RefusedTree | undefined }
  | {
      readonly kind: 'running';
      readonly tree: IntentTree;
      readonly intent: Intent;
      readonly entries: AgentUpdate & { readonly kind: 'entries' };
      readonly refused: RefusedTree | undefined;
      /** Errors that it would be refused for had it come to this version; none where `intent` is all that it says. */
      readonly carried: readonly Contained[];
    };

/** A commit that ran before its errors were any. */
export type CarriedCommit = Pick<
  IntentState & { readonly kind: 'running' },
  'tree' | 'intent' | 'carried'
>;

export interface RefusedTree {
  readonly commit: string;
  readonly findings: readonly Finding[];
}
