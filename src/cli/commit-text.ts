/** Long enough that two commits of one repository do not share it; a working tree has a name of its own. */
const charactersShown = 12;

export function shortCommit(commit: string): string {
  return commit.startsWith('working-') ? commit : commit.slice(0, charactersShown);
}
