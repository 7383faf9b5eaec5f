import type { IntentTree, TreeReading } from '../intent-source.ts';
import { isRemovalMeant } from './trailers.ts';

export function sameFiles(a: IntentTree['files'], b: IntentTree['files']): boolean {
  return a.size === b.size && [...a].every(([path, text]) => b.get(path) === text);
}

export function approvalOf({ trailers }: IntentTree): string | undefined {
  return isRemovalMeant(trailers) ? 'the trailer Chancery-Approve of the commit' : undefined;
}

export function commitOf(reading: TreeReading): string {
  return reading.kind === 'tree' ? reading.tree.commit : reading.commit;
}

export function subjectOf(reading: TreeReading): string {
  return reading.kind === 'tree' ? reading.tree.subject : reading.subject;
}
