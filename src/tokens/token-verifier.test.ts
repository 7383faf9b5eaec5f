import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { describe, it } from 'node:test';
import { readCompactJws } from '../identity/compact-jws.ts';
import { isSignedBy, issuerAlgorithm } from '../identity/jwt-algorithms.ts';
import type { PolicyIssuer } from '../policy/document.ts';
import type { HeaderLines, TokenFacts } from '../policy/facts.ts';
import { issuerKeys } from './issuer-keys.ts';
import {
  fitting,
  goodClaims,
  issuer,
  jwkOf,
  nowMs,
  nowSeconds,
  type PairName,
  pairs,
  signed,
} from './token.fixture.ts';
import { checkSignature } from './token-signature.ts';
import { tokensKeptMax, tokenVerifier } from './token-verifier.ts';

const lines = (token: string): HeaderLines => [['authorization', `Bearer ${token}`]];
const header = { alg: 'ES256', kid: 'ES256' };
const good = () => signed(header, goodClaims, 'ES256');

/** `valid`, `none`, or the reason. */
function standing(
  headers: HeaderLines,
  { atMs = nowMs, audiences = [] as readonly string[], by = issuer as PolicyIssuer } = {},
): string {
  const found = tokenVerifier([by], new Set(audiences))(headers, atMs);
  if (found.kind !== 'invalid') return found.kind;
  assert.equal(found.code, 'CH2109');
  return found.reason;
}

function factsOf(claims: object, audiences: readonly string[] = []): TokenFacts {
  const verify = tokenVerifier([issuer], new Set(audiences));
  const found = verify(lines(signed(header, { ...goodClaims, ...claims }, 'ES256')), nowMs);
  assert.ok(found.kind === 'valid', JSON.stringify(found));
  return found.token;
}

describe('algorithms', () => {
  for (const [alg, pair] of fitting) {
    it(`${alg} is taken with a key of its kind, by name or without one`, () => {
      const by = { ...issuer, jwks: JSON.stringify({ keys: [jwkOf(pair)] }) };
      assert.equal(standing(lines(signed({ alg, kid: pair }, goodClaims, pair))), 'valid');
      assert.equal(standing(lines(signed({ alg }, goodClaims, pair)), { by }), 'valid');
    });

    it(`${alg} is refused with a key of any other kind, whatever the header says`, () => {
      for (const other of (Object.keys(pairs) as PairName[]).filter((name) => name !== pair)) {
        const token = signed({ alg, kid: other }, goodClaims, other);
        assert.equal(standing(lines(token)), 'jwt_invalid: algorithm', other);
      }
    });
  }

  it('a key that names its algorithm is for no other', () => {
    const by = { ...issuer, jwks: JSON.stringify({ keys: [jwkOf('RSA', { alg: 'PS256' })] }) };
    const token = (alg: string) => lines(signed({ alg, kid: 'RSA' }, goodClaims, 'RSA'));
    assert.equal(standing(token('RS256'), { by }), 'jwt_invalid: algorithm');
    assert.equal(standing(token('PS256'), { by }), 'valid');
  });

  it('keys that are weak, private, symmetric or for something else are passed over', () => {
    const weak = generateKeyPairSync('rsa', { modulusLength: 1_024 }).publicKey;
    const keys = [
      weak.export({ format: 'jwk' }),
      pairs.ES256.privateKey.export({ format: 'jwk' }),
      pairs.EdDSA.privateKey.export({ format: 'jwk' }),
      { kty: 'oct', k: 'AAAA' },
      jwkOf('ES256', { use: 'enc' }),
      jwkOf('ES256', { key_ops: ['deriveKey'] }),
      { kty: 'OKP', crv: 'X25519', x: 'A'.repeat(43) },
    ];
    assert.deepEqual(issuerKeys(JSON.stringify({ keys })), []);
  });
});

describe('vectors of the RFCs', () => {
  const claims =
    'eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ';
  const check = (token: string, jwk: object) => {
    const jws = readCompactJws(token);
    assert.ok(jws.ok);
    return checkSignature(jws.value, issuerKeys(JSON.stringify({ keys: [jwk] })));
  };

  it('RFC 7515 appendix A.2, RS256', () => {
    const n =
      'ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ';
    const signature =
      'cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw';
    const token = `eyJhbGciOiJSUzI1NiJ9.${claims}.${signature}`;
    assert.deepEqual(check(token, { kty: 'RSA', n, e: 'AQAB' }), { ok: true, value: true });
  });

  it('RFC 7515 appendix A.3, ES256', () => {
    const jwk = {
      ...{ kty: 'EC', crv: 'P-256' },
      x: 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU',
      y: 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0',
    };
    const signature =
      'DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q';
    const token = `eyJhbGciOiJFUzI1NiJ9.${claims}.${signature}`;
    assert.deepEqual(check(token, jwk), { ok: true, value: true });
  });

  it('RFC 7515 appendix A.5, none', () => {
    assert.deepEqual(check(`eyJhbGciOiJub25lIn0.${claims}.`, jwkOf('ES256')), {
      ok: false,
      error: 'algorithm',
    });
  });

  it('RFC 8037 appendix A.4, Ed25519', () => {
    const x = '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo';
    const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
    const signedText = 'eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc';
    const signature = Buffer.from(
      'hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg',
      'base64url',
    );
    const algorithm = issuerAlgorithm('EdDSA');
    assert.ok(algorithm !== undefined);
    assert.ok(isSignedBy(key, algorithm, Buffer.from(signedText), signature));
  });
});

describe('the header of a request', () => {
  it('without authorization, or with another scheme, there is no token', () => {
    assert.equal(standing([]), 'none');
    assert.equal(standing([['authorization', 'Basic YTpi']]), 'none');
    assert.equal(standing([['authorization', 'BearerX abc']]), 'none');
    assert.equal(standing([['x-authorization', `Bearer ${good()}`]]), 'none');
  });

  it('the name of the scheme is compared without case, and blanks do not count', () => {
    assert.equal(standing([['authorization', `bEARER   ${good()} `]]), 'valid');
  });

  it('two of them are refused, in any order and of any scheme', () => {
    const both: HeaderLines = [
      ['authorization', 'Basic YTpi'],
      ['authorization', `Bearer ${good()}`],
    ];
    for (const headers of [both, both.toReversed(), [...lines(good()), ...lines(good())]]) {
      assert.equal(standing(headers), 'jwt_invalid: several');
    }
  });
});

describe('what a token says', () => {
  it('the person is what the claim of the issuer says, and nobody without it', () => {
    assert.equal(factsOf({}).person, 'alice@acme.test');
    assert.equal(factsOf({ email: 7 }).person, undefined);
    assert.equal(factsOf({ email: '' }).person, undefined);
  });

  it('scopes are those of `scope` and of `scp`, as a text or a list', () => {
    assert.deepEqual(factsOf({ scp: 'a b' }).scopes, ['read', 'write', 'a', 'b']);
    assert.deepEqual(factsOf({ scope: undefined, scp: ['a', 'b'] }).scopes, ['a', 'b']);
    assert.deepEqual(factsOf({ scope: undefined }).scopes, []);
  });

  it('40: one of several audiences is enough, and all are told', () => {
    const { audiences, onlyForRules } = factsOf({ aud: ['billing', 'https://shop.acme.test'] });
    assert.deepEqual(audiences, ['billing', 'https://shop.acme.test']);
    assert.equal(onlyForRules, undefined);
  });

  it('for an audience that only a rule names it names no person', () => {
    const facts = factsOf({ aud: ['reports'] }, ['reports']);
    assert.equal(facts.onlyForRules, true);
    assert.equal(facts.person, undefined);
    assert.equal(facts.subject, 'u-1');
  });

  it('types of access tokens are taken, with application/ or without', () => {
    for (const typ of ['JWT', 'at+jwt', 'application/at+JWT']) {
      assert.equal(standing(lines(signed({ ...header, typ }, goodClaims, 'ES256'))), 'valid', typ);
    }
  });

  it('what the header says beside is of no matter', () => {
    const token = signed({ ...header, x5t: 'abc', cty: 'x' }, goodClaims, 'ES256');
    assert.equal(standing(lines(token)), 'valid');
  });
});

describe('keys', () => {
  it('without kid the keys that fit are tried, so many of them and no more', () => {
    const others = (count: number) =>
      Array.from({ length: count }, () =>
        generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' }),
      );
    const outcome = (count: number) => {
      const keys = [jwkOf('RSA'), ...others(count), jwkOf('ES256')];
      const by = { ...issuer, jwks: JSON.stringify({ keys }) };
      return standing(lines(signed({ alg: 'ES256' }, goodClaims, 'ES256')), { by });
    };
    assert.equal(outcome(3), 'valid');
    assert.equal(outcome(4), 'jwt_invalid: signature');
  });

  it('the keys of one issuer sign for no other', () => {
    const other: PolicyIssuer = {
      ...{ name: 'other', issuer: 'https://other.test', audiences: ['shop'], personClaim: 'sub' },
      jwks: JSON.stringify({ keys: [jwkOf('RSA', { kid: 'ES256' })] }),
    };
    const verify = tokenVerifier([issuer, other]);
    const token = signed(header, { ...goodClaims, iss: other.issuer }, 'ES256');
    assert.deepEqual(verify(lines(token), nowMs), {
      ...{ kind: 'invalid', code: 'CH2109' },
      reason: 'jwt_invalid: algorithm',
    });
  });

  it('without issuers no token is any good', () => {
    assert.equal(tokenVerifier([])(lines(good()), nowMs).kind, 'invalid');
  });
});

describe('what is kept', () => {
  it('a token that was good is not when it has ended, nor before it begins', () => {
    const verify = tokenVerifier([issuer]);
    const headers = lines(signed(header, { ...goodClaims, nbf: nowSeconds }, 'ES256'));
    const at = (seconds: number) => verify(headers, nowMs + seconds * 1_000).kind;
    assert.deepEqual([0, 299.999, 300, 0, -30, -31].map(at), [
      ...['valid', 'valid', 'invalid', 'valid', 'valid', 'invalid'],
    ]);
  });

  it('a token is verified once, and the least used of too many goes', () => {
    const verify = tokenVerifier([issuer]);
    const factsAgain = (headers: HeaderLines) => {
      const found = verify(headers, nowMs);
      assert.ok(found.kind === 'valid');
      return found.token;
    };
    const first = lines(good());
    const facts = factsAgain(first);
    assert.equal(factsAgain(first), facts);
    const sign = (index: number) =>
      lines(signed({ alg: 'EdDSA', kid: 'EdDSA' }, { ...goodClaims, index }, 'EdDSA'));
    for (let index = 0; index < tokensKeptMax; index += 1) factsAgain(sign(index));
    assert.notEqual(factsAgain(first), facts);
  });
});
