import type { Finding, Position } from '../base/finding.ts';

/** What happened in the control plane, as people and scripts see it (`up`, `/v1/events`). */
export type MeshEvent =
  | {
      readonly kind: 'accepted';
      readonly commit: string;
      readonly subject: string;
      readonly services: number;
      readonly warnings: readonly Finding[];
    }
  | {
      readonly kind: 'refused';
      readonly commit: string;
      readonly subject: string;
      readonly findings: readonly Finding[];
      readonly sources: Readonly<Record<string, string>>;
    }
  | {
      /** Every proxy that the change concerns has taken it. */
      readonly kind: 'live';
      readonly commit: string;
      readonly proxies: readonly {
        readonly proxy: string;
        readonly resources: readonly string[];
      }[];
      readonly tookMs: number;
    }
  | {
      readonly kind: 'nacked';
      readonly proxy: string;
      readonly resource: string;
      readonly message: string;
      readonly from: readonly Position[];
    }
  | { readonly kind: 'connected' | 'disconnected'; readonly proxy: string }
  | { readonly kind: 'problem'; readonly finding: Finding };

/** Fans events out to followers; late followers get what is kept. */
export interface EventBus {
  emit(event: MeshEvent): void;
  follow(listener: (event: MeshEvent) => void): () => void;
  readonly recent: readonly MeshEvent[];
}

/** Enough for a person to scroll; the ledger keeps the rest. */
const recentMax = 200;
const followersMax = 64;

export function createEventBus(): EventBus {
  const recent: MeshEvent[] = [];
  const followers = new Set<(event: MeshEvent) => void>();
  return {
    recent,
    emit: (event) => {
      recent.push(event);
      if (recent.length > recentMax) recent.shift();
      for (const follower of followers) follower(event);
    },
    follow: (listener) => {
      if (followers.size >= followersMax) throw new Error('too many followers of events');
      followers.add(listener);
      return () => followers.delete(listener);
    },
  };
}
