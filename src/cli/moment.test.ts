import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseMoment } from './moment.ts';

const now = new Date(2026, 2, 10, 15, 0, 0).getTime();
const local = (day: number, hour: number, minute: number, second = 0): number =>
  new Date(2026, 2, day, hour, minute, second).getTime();

describe('a moment as people type it', () => {
  const forms: readonly (readonly [string, number])[] = [
    ['now', now],
    ['10m ago', now - 600_000],
    ['2h', now - 7_200_000],
    ['3 d ago', now - 3 * 86_400_000],
    ['14:02', local(10, 14, 2)],
    ['14:02:05', local(10, 14, 2, 5)],
    ['15:01', local(9, 15, 1)],
    ['yesterday 14:02', local(9, 14, 2)],
    ['today 9:30', local(10, 9, 30)],
    ['2026-03-01', local(1, 0, 0)],
    ['2026-03-01 14:02', local(1, 14, 2)],
    ['2026-03-01T14:02:00Z', Date.UTC(2026, 2, 1, 14, 2)],
    ['2026-03-01T14:02+02:00', Date.UTC(2026, 2, 1, 12, 2)],
    ['2026-03-01T14:02:00.250Z', Date.UTC(2026, 2, 1, 14, 2, 0, 250)],
  ];
  it('before 1970 there was no mesh', () => {
    assert.equal(parseMoment('99999d ago', now).ok, false);
  });
  for (const [text, wanted] of forms) {
    it(`${text} is a moment`, () => {
      assert.deepEqual(parseMoment(text, now), { ok: true, value: wanted });
    });
  }
  for (const text of [
    '',
    'soon',
    '25:00',
    '14:61',
    '2026-02-31',
    '2026-13-01',
    '-5m',
    '10 weeks',
  ]) {
    it(`"${text}" is refused`, () => assert.equal(parseMoment(text, now).ok, false));
  }
  it('what is still to come is refused', () => {
    for (const text of ['2026-03-11', 'today 15:01', '2027-01-01T00:00:00Z']) {
      assert.match(String((parseMoment(text, now) as { error: string }).error), /still to come/);
    }
  });
});
