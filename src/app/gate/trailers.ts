import type { Finding } from '../../base/finding.ts';
import type { IntentTree } from '../intent-source.ts';

type Trailers = IntentTree['trailers'];

/** What trailers of a commit may say to the control plane, by their key in lower case. */
const known = {
  /** No watch between the waves. */
  chancery: 'urgent',
  /** What it takes away is meant. */
  'chancery-approve': 'removal',
} as const;

const own = /^chancery(?:$|-)/;

export function isUrgent(trailers: Trailers): boolean {
  return trailers.get('chancery')?.includes(known.chancery) === true;
}

export function isRemovalMeant(trailers: Trailers): boolean {
  return trailers.get('chancery-approve')?.includes(known['chancery-approve']) === true;
}

/** Who wrote a trailer to us counts on it: one that says nothing to us is told, before somebody waits for its effect. */
export function unknownTrailers(trailers: Trailers): readonly Finding[] {
  return [...trailers].flatMap(([key, values]) =>
    own.test(key)
      ? values.filter((value) => !isKnown(key, value)).map((value) => unknown(key, value))
      : [],
  );
}

function isKnown(key: string, value: string): boolean {
  return Object.entries(known).some(([name, word]) => name === key && word === value);
}

function unknown(key: string, value: string): Finding {
  return {
    code: 'CH4249',
    severity: 'warning',
    message: `the trailer \`${key}: ${value}\` of the commit says nothing to the control plane`,
    expected: Object.entries(known)
      .map(([name, word]) => `\`${name}: ${word}\``)
      .join(' or '),
    help: 'the commit goes on as without it; git commit --amend mends one that did not come yet',
  };
}
