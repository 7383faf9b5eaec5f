// Says of each line, a certificate or request as DER or a text with PEM, in base64, whether Go takes it and what it reads there.
package main

import (
	"bufio"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"os"
)

type said struct {
	Refused      string   `json:"refused,omitempty"`
	Serial       string   `json:"serial"`
	NotBefore    int64    `json:"notBefore"`
	NotAfter     int64    `json:"notAfter"`
	IsCa         bool     `json:"isCa"`
	PathLength   int      `json:"pathLength"`
	KeyUsage     int      `json:"keyUsage"`
	Purposes     int      `json:"purposes"`
	SubjectKeyId string   `json:"subjectKeyId"`
	IssuerKeyId  string   `json:"issuerKeyId"`
	DnsNames     []string `json:"dnsNames"`
	Uris         []string `json:"uris"`
	Raw          string   `json:"raw"`
	Blocks       []string `json:"blocks,omitempty"`
}

// As they stand: url.URL writes them in its own way.
func uris(read *x509.Certificate) []string {
	found := []string{}
	for _, extension := range read.Extensions {
		if !extension.Id.Equal(asn1.ObjectIdentifier{2, 5, 29, 17}) {
			continue
		}
		var names []asn1.RawValue
		if _, err := asn1.Unmarshal(extension.Value, &names); err != nil {
			panic(err)
		}
		for _, name := range names {
			if name.Class == asn1.ClassContextSpecific && name.Tag == 6 {
				found = append(found, string(name.Bytes))
			}
		}
	}
	return found
}

func certificate(der []byte) said {
	read, err := x509.ParseCertificate(der)
	if err != nil {
		return said{Refused: err.Error()}
	}
	pathLength := -1
	if read.MaxPathLen > 0 || read.MaxPathLenZero {
		pathLength = read.MaxPathLen
	}
	hash := sha256.New()
	for _, part := range [][]byte{read.RawTBSCertificate, read.RawIssuer, read.RawSubject, read.RawSubjectPublicKeyInfo, read.Signature} {
		hash.Write(part)
	}
	return said{
		Serial:       read.SerialNumber.Text(16),
		NotBefore:    read.NotBefore.UnixMilli(),
		NotAfter:     read.NotAfter.UnixMilli(),
		IsCa:         read.IsCA,
		PathLength:   pathLength,
		KeyUsage:     int(read.KeyUsage),
		Purposes:     len(read.ExtKeyUsage) + len(read.UnknownExtKeyUsage),
		SubjectKeyId: hex.EncodeToString(read.SubjectKeyId),
		IssuerKeyId:  hex.EncodeToString(read.AuthorityKeyId),
		DnsNames:     append([]string{}, read.DNSNames...),
		Uris:         uris(read),
		Raw:          hex.EncodeToString(hash.Sum(nil)),
	}
}

func request(der []byte) said {
	read, err := x509.ParseCertificateRequest(der)
	if err == nil {
		err = read.CheckSignature()
	}
	if err != nil {
		return said{Refused: err.Error()}
	}
	return said{Raw: hex.EncodeToString(read.RawSubjectPublicKeyInfo)}
}

func blocks(text []byte) said {
	found := []string{}
	for {
		block, rest := pem.Decode(text)
		if block == nil {
			return said{Blocks: found}
		}
		if block.Type == "CERTIFICATE" {
			found = append(found, hex.EncodeToString(block.Bytes))
		}
		text = rest
	}
}

func main() {
	read := certificate
	if len(os.Args) > 1 && os.Args[1] == "pem" {
		read = blocks
	}
	if len(os.Args) > 1 && os.Args[1] == "requests" {
		read = request
	}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(make([]byte, 1<<20), 1<<20)
	out := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		der, err := base64.StdEncoding.DecodeString(lines.Text())
		if err != nil {
			panic(err)
		}
		if err := out.Encode(read(der)); err != nil {
			panic(err)
		}
	}
}
