import type { MeshEvent } from '../serve/api/wire.ts';

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
