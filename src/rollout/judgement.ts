import { type Signals, slowerThanMs } from './signals.ts';
import { lostRequests } from './silence.ts';
import { type Everywhere, poissonTail, type Stretch, type Witnesses } from './stretch.ts';

/**
 * All that decides when a proxy does worse. `countMin`: one odd answer is no reason to take a commit back. `shareMore`: of
 * all requests, what a good change does not do. `steady`: a moment of it is a pause of the machine or of an application; a
 * commit does it all the time. `blame: 'alone'`: it may also come from who sends the requests, or from the machine, and is
 * blamed only where others show that it does not.
 */
export const thresholds = {
  errors: { countMin: 3, shareMore: 0.02, steady: false, blame: 'always' },
  denials: { countMin: 3, shareMore: 0.02, steady: false, blame: 'always' },
  handshakeFailures: { countMin: 3, shareMore: 0.02, steady: false, blame: 'always' },
  clientErrors: { countMin: 5, shareMore: 0.03, steady: false, blame: 'alone' },
  retries: { countMin: 10, shareMore: 0.2, steady: true, blame: 'alone' },
  late: { countMin: 10, shareMore: 0.1, steady: true, blame: 'alone' },
  /** Where there was such trouble before, it has to grow by this much, too. */
  factorMore: 2,
  /** Others tell that it is not the change by less than what is blamed on it: else luck decides on which side each one is. */
  others: { shareTimes: 0.5, factorMore: 1.25 },
  /** So rarely is a count what chance makes of the share before, or it is blamed on nobody. */
  chanceMax: 1e-7,
  /** A pause ends all at once what waited for it, in one report or on the edge of two. */
  steadyPartsMin: 3,
  /** Where all proxies of a service have the change, and none is left that says how it is without. */
  everywhere: {
    /** Of those that got it last, against those that had it before and are well: one alone has a busy machine, or a caller. */
    freshShareMin: 0.25,
    /** Else the whole service is held against the time before, by stricter limits. */
    shareTimes: 2,
    factorMore: 3,
    /** What the share before is known by. */
    requestsBeforeMin: 100,
    /** With more requests than this, they are another load than before. */
    requestsTimesMax: 1.5,
    /** Of the proxies of the service: a change does it to all of them, a caller or a machine to some. */
    worseShareMin: 0.5,
    /** Of the proxies that the commit does not touch: as many tell that it is the machine, or something that all call. */
    untouchedShareMax: 0.25,
  },
} as const;

type ThresholdName =
  | 'errors'
  | 'denials'
  | 'handshakeFailures'
  | 'clientErrors'
  | 'retries'
  | 'late';

interface Kind {
  readonly words: string;
  readonly count: (signals: Signals) => number;
  readonly limits: (typeof thresholds)[ThresholdName];
  /** A busy machine makes it; where no proxy without the commit shows that it is not that, nothing is blamed. */
  readonly ofMachine: boolean;
}

const errors: Kind = {
  words: 'answers of 500 and above',
  count: (signals) => signals.errors,
  ...{ limits: thresholds.errors, ofMachine: false },
};
const denials: Kind = {
  words: 'denials',
  count: (signals) => signals.denials,
  ...{ limits: thresholds.denials, ofMachine: false },
};
const handshakeFailures: Kind = {
  words: 'handshakes that failed',
  count: (signals) => signals.handshakeFailures,
  ...{ limits: thresholds.handshakeFailures, ofMachine: false },
};
const clientErrors: Kind = {
  words: 'answers of 400 to 499',
  count: (signals) => signals.clientErrors,
  ...{ limits: thresholds.clientErrors, ofMachine: false },
};
const retries: Kind = {
  words: 'repeated attempts',
  count: (signals) => signals.retries,
  ...{ limits: thresholds.retries, ofMachine: true },
};
const late = slowerThanMs.map(
  (boundMs, index): Kind => ({
    words: `answers later than ${boundMs} ms`,
    count: ({ slower }) => slower[index] ?? 0,
    ...{ limits: thresholds.late, ofMachine: true },
  }),
);

/**
 * Why a proxy does worse than before, in words; undefined: it does not. Held against itself before the change, so that
 * what was bad already is not blamed on it, and where it may not be the change, against others.
 */
export function hurt(own: Stretch, witnesses: Witnesses, meant: Meant): string | undefined {
  const { denialsExpected, mayCease } = meant;
  const expected = denialsExpected ? [] : [denials, clientErrors];
  const kinds = [errors, handshakeFailures, ...expected, retries, ...late.toReversed()];
  for (const kind of kinds) {
    const bad = blamed(own, kind, witnesses);
    if (bad === undefined) continue;
    const { before, after } = bad;
    const share = percent(shareOf(after, kind));
    return `${kind.count(after)} ${kind.words} in ${seconds(after.overMs)}: ${share} of its requests, ${percent(shareOf(before, kind))} before`;
  }
  return denialsExpected || mayCease ? undefined : lostRequests(own, witnesses);
}

/** What a commit does on purpose. */
interface Meant {
  /** It takes permissions away. */
  readonly denialsExpected: boolean;
  /** It says anew who gets requests, or how the application is run. */
  readonly mayCease: boolean;
}

/** The stretch in which it does worse for the change; undefined: it does not, or it may be something else. */
function blamed(own: Stretch, kind: Kind, { others, everywhere }: Witnesses): Stretch | undefined {
  const { steady, blame, countMin } = kind.limits;
  if (kind.count(own.after) < countMin) return undefined;
  const isBad = isWorse(own, kind) && !isChance(own, kind) && (!steady || isSteady(own, kind));
  if (isBad && (blame === 'always' || isOwn(kind, others()))) return own;
  if (blame === 'always') return undefined;
  // Of one that has had the change for long, what came lately is not seen in all that time.
  const all = everywhere();
  if (all === undefined) return undefined;
  return isOfTheLast(kind, all) || isOfService(kind, all) ? all.own : undefined;
}

interface Measure {
  readonly shareTimes: number;
  readonly factorMore: number;
}

const usualMeasure: Measure = { shareTimes: 1, factorMore: thresholds.factorMore };

function isWorse({ before, after }: Stretch, kind: Kind, by = usualMeasure): boolean {
  const { countMin, shareMore } = kind.limits;
  if (kind.count(after) < countMin) return false;
  const [was, is] = [shareOf(before, kind), shareOf(after, kind)];
  return is > was + shareMore * by.shareTimes && is > was * by.factorMore;
}

/** Worse than before, not by chance and not for a moment. */
function isLastingly(stretch: Stretch, kind: Kind, by: Measure): boolean {
  const { meanwhile } = stretch;
  const against =
    meanwhile === undefined ? [stretch] : [stretch, { ...stretch, before: meanwhile }];
  return against.every(
    (one) => isWorse(one, kind, by) && !isChance(one, kind) && isSteady(one, kind),
  );
}

/** Whether what was usual before gives as many now and then: a few requests among which there are some bad ones. */
function isChance({ before, after }: Stretch, kind: Kind): boolean {
  const was = kind.count(before);
  if (was === 0) return false;
  // What was counted before is itself one draw of what is usual.
  const usual = (was + Math.sqrt(was)) / Math.max(before.requests, was);
  return poissonTail(kind.count(after), usual * after.requests) > thresholds.chanceMax;
}

/** Once it has begun, in more reports than a pause is seen in, and in half of all. */
function isSteady({ before, parts }: Stretch, kind: Kind): boolean {
  const was = shareOf(before, kind);
  const isBad = (part: Signals): boolean => shareOf(part, kind) > was + kind.limits.shareMore;
  const since = parts.slice(Math.max(0, parts.findIndex(isBad)));
  const worse = since.filter(isBad);
  return worse.length >= thresholds.steadyPartsMin && worse.length * 2 >= since.length;
}

/** Those with requests enough to tell. */
function askedFor(kind: Kind, all: readonly Stretch[]): readonly Stretch[] {
  return all.filter(({ after }) => after.requests >= kind.limits.countMin);
}

/** Not, where half of the others do worse without it, nor where nobody is left to ask. */
function isOwn(kind: Kind, others: readonly Stretch[] | undefined): boolean {
  if (others === undefined) return true;
  if (others.length === 0) return false;
  const asked = askedFor(kind, others);
  const worse = asked.filter((other) => isWorse(other, kind, thresholds.others));
  return worse.length === 0 || worse.length * 2 < asked.length;
}

/** Whether those that got the change last do worse, and those for which nothing changed then do not. */
function isOfTheLast(kind: Kind, { own, fresh, ahead }: Everywhere): boolean {
  const isBad = (one: Stretch): boolean => isLastingly(one, kind, usualMeasure);
  if (!isBad(own) || !fresh().includes(own) || !isOwn(kind, ahead())) return false;
  const asked = askedFor(kind, fresh());
  return asked.filter(isBad).length >= asked.length * thresholds.everywhere.freshShareMin;
}

/** Whether all of a service does worse since all of it has the change, under the load of before, and the rest does not. */
function isOfService(kind: Kind, { own, fresh, ahead, untouched }: Everywhere): boolean {
  if (!isMuchWorse(own, kind)) return false;
  const { worseShareMin, untouchedShareMax } = thresholds.everywhere;
  const asked = askedFor(kind, [...fresh(), ...ahead()]);
  const worse = asked.filter((one) => isMuchWorse(one, kind));
  if (worse.length < asked.length * worseShareMin) return false;
  const rest = askedFor(kind, untouched());
  if (rest.length === 0) return !kind.ofMachine;
  const alike = rest.filter((one) => isWorse(one, kind, thresholds.others));
  return alike.length < rest.length * untouchedShareMax;
}

function isMuchWorse(stretch: Stretch, kind: Kind): boolean {
  const { before, after } = stretch;
  const { requestsBeforeMin, requestsTimesMax } = thresholds.everywhere;
  if (before.requests < requestsBeforeMin) return false;
  const pace = (signals: Signals): number => signals.requests / signals.overMs;
  if (pace(after) > pace(before) * requestsTimesMax) return false;
  return isLastingly(stretch, kind, thresholds.everywhere);
}

/** A handshake that failed is no request yet, nor is a connection that was refused. */
function shareOf(signals: Signals, kind: Kind): number {
  const count = kind.count(signals);
  return count === 0 ? 0 : count / Math.max(signals.requests, count);
}

function percent(share: number): string {
  return `${(share * 100).toFixed(share > 0 && share < 0.1 ? 1 : 0)} %`;
}

function seconds(lengthMs: number): string {
  return `${(lengthMs / 1_000).toFixed(1)} s`;
}
