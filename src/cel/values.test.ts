import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { computed, ran } from './cel.fixture.ts';
import { parseAddress, parseNetwork } from './cidr.ts';
import { compareText } from './compare.ts';
import { indexIn } from './text.ts';
import { zoneOffset } from './time-zone.ts';
import { type CelValue, celDouble } from './value.ts';

function gives(text: string, value: CelValue): void {
  assert.deepEqual(computed(text), value, text);
}

describe('ints', () => {
  it('are exact over the whole of 64 bits and go no further', () => {
    gives('9007199254740992 + 1', 9007199254740993n);
    gives('9007199254740993 - 1', 9007199254740992n);
    gives('9007199254740993 - 9007199254740992', 1);
    gives('3037000499 * 3037000499', 9223372030926249001n);
    gives('9223372036854775807 + 1', 'the result does not fit into 64 bits');
    gives('-9223372036854775808 / -1', 'the result does not fit into 64 bits');
    gives('-(-9223372036854775807 - 1)', 'the result does not fit into 64 bits');
    gives('-7 / 2', -3);
    gives('-7 % 2', -1);
    gives('1 % 0', 'division by zero');
    gives('1 / (0 * -1)', 'division by zero');
    gives('1.0 / double(0 * -1)', celDouble(Number.POSITIVE_INFINITY));
  });

  it('are held against other numbers by their exact value', () => {
    gives('dyn(9007199254740993) == dyn(9007199254740992.0)', false);
    gives('9007199254740993 > 9007199254740992.0', true);
    gives('18446744073709551615u > -1', true);
    gives('dyn(1u) == dyn(1) && dyn(1) == dyn(1.0)', true);
    gives('dyn(double("NaN")) == dyn(double("NaN"))', false);
  });

  it('are converted from text only when all of it is a number', () => {
    for (const text of ['', ' 1', '0x1f', '1e3', '1.0', '１', '9223372036854775808'])
      gives(`int(dyn("${text}"))`, 'this string can not be converted to int');
    gives('int("+7")', 7);
    gives('uint("-1")', 'this string can not be converted to uint');
    gives('int(9.9e18)', 'this double can not be converted to int');
    gives('int(-1.9)', -1);
    gives('bool("yes")', 'this string can not be converted to bool');
  });
});

describe('texts', () => {
  it('are measured and ordered by code points', () => {
    gives('size("é😀a")', 3);
    assert.ok(compareText('\u{1F600}', '\uFFFD') > 0);
    assert.ok(compareText('a', 'ab') < 0);
    gives('"Ä-Ab".lowerAscii()', 'Ä-ab');
    gives('"ß-ab".upperAscii()', 'ß-AB');
  });

  it('are split as cel-go splits them', () => {
    gives('"a,b,,c".split(",")', ['a', 'b', '', 'c']);
    gives('"a,b,c".split(",", 2)', ['a', 'b,c']);
    gives('"a,b".split(",", 0)', []);
    gives('"a,b".split(",", -1)', ['a', 'b']);
    gives('"é😀".split("")', ['é', '😀']);
    gives('"abc".split("", 2)', ['a', 'bc']);
    gives('"".split(",")', ['']);
  });

  it('a long needle is found where it is, as a short one is', () => {
    const random = (count: number, seed: number) =>
      Array.from({ length: count }, (_, at) => ((at * seed) % 7 < 3 ? 'a' : 'b')).join('');
    for (let seed = 1; seed < 60; seed += 1) {
      const text = random(2000, seed) + random(900, seed + 1);
      for (const length of [150, 201, 300, 899]) {
        const needle = random(length, seed + (length % 3));
        assert.equal(indexIn(text, needle), text.indexOf(needle), `${seed} ${length}`);
        assert.equal(
          indexIn(text, text.slice(700, 700 + length)),
          text.indexOf(text.slice(700, 700 + length)),
        );
      }
    }
  });

  it('no text and no needle makes a search take more than time in proportion', () => {
    const given = {
      'request.headers': new Map([
        ['text', 'a'.repeat(60_000)],
        ['needle', `b${'a'.repeat(30_000)}`],
      ]),
    };
    const started = process.cpuUsage();
    for (let turn = 0; turn < 20; turn += 1)
      assert.equal(
        ran('request.headers["text"].contains(request.headers["needle"])', given),
        false,
      );
    assert.ok(process.cpuUsage(started).user < 2_000_000);
  });
});

describe('times', () => {
  it('are read as RFC 3339 has them, and only days that there are', () => {
    gives('string(timestamp("2026-01-31T09:00:00.120+02:00"))', '2026-01-31T07:00:00.120Z');
    gives('string(timestamp("2024-02-29T00:00:00Z"))', '2024-02-29T00:00:00Z');
    gives('string(timestamp("0001-01-01T00:00:00Z"))', '0001-01-01T00:00:00Z');
    for (const text of [
      '2026-02-29T00:00:00Z',
      '2026-01-01',
      '2026-01-01T24:00:00Z',
      '2026-01-01T00:00:00',
      '2026-01-01 00:00:00Z',
    ])
      gives(`timestamp(dyn("${text}"))`, 'this is no time like 2026-01-31T09:00:00Z');
    gives('timestamp(dyn("0001-01-01T00:00:00+00:01"))', 'the time is not within years 1 to 9999');
    gives(
      'timestamp("9999-12-31T23:59:59Z") + duration("1s")',
      'the time is not within years 1 to 9999',
    );
    gives('string(timestamp(0) - duration("1ns"))', '1969-12-31T23:59:59.999999999Z');
  });

  it('durations keep every nanosecond', () => {
    gives('string(duration("1h2m3.000000004s"))', '3723.000000004s');
    gives('string(duration("-1.5ms"))', '-0.001500s');
    gives('duration(dyn("1h 2m"))', 'this is no duration like 1h30m or 1.5s');
    gives('duration(dyn("10000000h"))', 'the duration does not fit into 64 bits');
    gives('duration("1.9s").getSeconds()', 1);
    gives('duration("90m").getHours()', 1);
    gives('duration("1.234s").getMilliseconds()', 234);
  });

  it('parts follow the calendar', () => {
    gives('timestamp("2024-12-31T23:30:00Z").getDayOfYear()', 365);
    gives('timestamp("2024-12-31T23:30:00Z").getDayOfYear("+01:00")', 0);
    gives('timestamp("2024-12-31T23:30:00Z").getFullYear("Europe/Berlin")', 2025);
    gives('timestamp("2026-11-29T00:00:00Z").getDayOfWeek()', 0);
    gives('timestamp("0001-01-01T00:00:00Z").getDayOfWeek()', 1);
    gives('timestamp("2026-01-31T00:00:00Z").getDate()', 31);
    gives('timestamp("2026-01-31T00:00:00Z").getDayOfMonth()', 30);
    gives('timestamp("2026-01-31T00:00:00Z").getMonth()', 0);
    gives('timestamp(0).getHours(dyn("Mars/Olympus"))', 'this is no time zone');
  });

  it('offsets of zones are the same asked for once and asked for each time', () => {
    const format = new Intl.DateTimeFormat('en-US', {
      timeZone: 'America/St_Johns',
      hourCycle: 'h23',
      hour: 'numeric',
      minute: 'numeric',
    });
    const from = Date.UTC(2006, 3, 2) / 1000;
    for (let seconds = from; seconds < from + 86_400; seconds += 13) {
      const local = new Date((seconds + (zoneOffset('America/St_Johns', seconds) ?? 0)) * 1000);
      const text = `${String(local.getUTCHours()).padStart(2, '0')}:${String(local.getUTCMinutes()).padStart(2, '0')}`;
      assert.equal(text, format.format(seconds * 1000), String(seconds));
    }
  });

  it('a zone is a name of IANA or an offset, and old local times have seconds', () => {
    assert.equal(zoneOffset('+05:45', 0), 20_700);
    assert.equal(zoneOffset('02:00', 0), 7200);
    assert.equal(zoneOffset('-00:30', 0), -1800);
    assert.equal(zoneOffset('Europe/Berlin', Date.UTC(1880, 0, 1) / 1000), 53 * 60 + 28);
    for (const name of ['', '+25:00', '+01:60', '+1:00', '+0100', 'x'.repeat(100), 'Europe/Berln'])
      assert.equal(zoneOffset(name, 0), undefined, name);
  });

  it('zones that come from requests do not pile up', () => {
    for (const zone of Intl.supportedValuesOf('timeZone'))
      assert.notEqual(zoneOffset(zone, 1_793_494_800), undefined, zone);
    assert.equal(zoneOffset('Europe/Berlin', 1_793_494_800), 3600);
  });
});

describe('addresses', () => {
  const inside = (address: string, network: string) =>
    ran(`inCidr(source.address, "${network}")`, { 'source.address': address });

  it('are in a network by their first bits', () => {
    assert.equal(inside('10.255.0.1', '10.0.0.0/8'), true);
    assert.equal(inside('11.0.0.1', '10.0.0.0/8'), false);
    assert.equal(inside('192.168.1.129', '192.168.1.128/25'), true);
    assert.equal(inside('192.168.1.127', '192.168.1.128/25'), false);
    assert.equal(inside('203.0.113.7', '0.0.0.0/0'), true);
    assert.equal(inside('203.0.113.7', '203.0.113.7/32'), true);
    assert.equal(inside('2001:db8:1::5', '2001:db8::/32'), true);
    assert.equal(inside('2001:db9::5', '2001:db8::/32'), false);
    assert.equal(inside('fe80::1', 'fe80::/10'), true);
    assert.equal(inside('::1', '::/0'), true);
    assert.equal(inside('2001:db8::8000:1', '2001:db8::8000:0/113'), true);
  });

  it('of one kind are in no network of the other, but a mapped IPv4 address is that address', () => {
    assert.equal(inside('10.0.0.1', '::/0'), false);
    assert.equal(inside('::1', '0.0.0.0/0'), false);
    assert.equal(inside('::ffff:10.1.2.3', '10.0.0.0/8'), true);
    assert.equal(inside('::ffff:a01:203', '10.0.0.0/8'), true);
    assert.equal(inside('10.1.2.3', '::ffff:10.0.0.0/104'), true);
  });

  it('that can be read in two ways are refused', () => {
    for (const text of [
      '010.0.0.1',
      '10.1',
      '10.0.0.256',
      '1.2.3.4.5',
      ' 10.0.0.1',
      '10.0.0.1\n',
      '0x0a.0.0.1',
      '::1%eth0',
      '1::2::3',
      '1:2:3:4:5:6:7',
      '1:2:3:4:5:6:7:8:9',
      ':1',
      '12345::',
      '1.2.3.4::',
      '::1.2.3',
      '',
      '1:2:3:4:5:6:7:8::',
      '[::1]',
    ])
      assert.equal(parseAddress(text), undefined, text);
    for (const text of [
      '::',
      '1::',
      '::1',
      '1:2:3:4:5:6:7:8',
      '::ffff:1.2.3.4',
      '1:2:3:4:5:6:1.2.3.4',
      'FE80::A',
    ])
      assert.notEqual(parseAddress(text), undefined, text);
    for (const text of [
      '10.0.0.0',
      '10.0.0.0/33',
      '10.0.0.0/08',
      '10.0.0.0/-1',
      '10.0.0.0/8/8',
      '10.0.0.1/8',
      '2001:db8::1/32',
      '::/129',
      'a/8',
    ])
      assert.equal(parseNetwork(text), undefined, text);
  });

  it('an address that is none is an error', () => {
    assert.match(String(inside('unknown', '10.0.0.0/8')), /this is no IP address/);
  });
});
