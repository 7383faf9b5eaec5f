import type { IntentTree, TreeReading } from '../intent-source.ts';

/** `Chancery-Approve: removal` in a commit's message says that what it takes away is meant. */
const approvalTrailer = 'chancery-approve';
const approvedRemoval = 'removal';

export function sameFiles(a: IntentTree['files'], b: IntentTree['files']): boolean {
  return a.size === b.size && [...a].every(([path, text]) => b.get(path) === text);
}

export function approvalOf({ trailers }: IntentTree): string | undefined {
  const said = trailers.get(approvalTrailer) ?? [];
  return said.includes(approvedRemoval) ? 'the trailer Chancery-Approve of the commit' : undefined;
}

export function commitOf(reading: TreeReading): string {
  return reading.kind === 'tree' ? reading.tree.commit : reading.commit;
}

export function subjectOf(reading: TreeReading): string {
  return reading.kind === 'tree' ? reading.tree.subject : reading.subject;
}
