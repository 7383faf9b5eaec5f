// Says of each line, a certificate as DER in base64, whether crypto/x509 takes it.
package main

import (
	"bufio"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"os"
)

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(make([]byte, 1<<20), 1<<20)
	for lines.Scan() {
		der, err := base64.StdEncoding.DecodeString(lines.Text())
		if err == nil {
			_, err = x509.ParseCertificate(der)
		}
		if err == nil {
			fmt.Println("taken")
		} else {
			fmt.Println("refused:", err)
		}
	}
}
