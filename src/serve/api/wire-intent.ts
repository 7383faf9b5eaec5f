import type { Grant } from '../../breakglass/grant.ts';

/** GET /v1/intent, with `at` or `commit`: what the mesh ran on, as its files say it. */
export interface IntentReply {
  readonly commit: string;
  readonly subject: string;
  readonly files: readonly IntentFile[];
  /** In effect beside it; left out of what ran before. */
  readonly grants?: readonly Grant[];
}

export interface IntentFile {
  /** Within the intent folder, with slashes. */
  readonly path: string;
  readonly text: string;
}
