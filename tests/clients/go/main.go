// golang-jwt, as a process that answers a request per line (see support/jose/worker.py): compact JWS and claims. It reads
// keys as PEM only; who asks has converted them.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/golang-jwt/jwt/v5"
)

type request struct {
	Op       string  `json:"op"`
	Alg      string  `json:"alg"`
	Form     string  `json:"form"`
	Kind     string  `json:"kind"`
	Token    string  `json:"token"`
	Payload  string  `json:"payload"`
	Pem      string  `json:"pem"`
	Secret   *string `json:"secret"`
	SecretB  []byte  `json:"secret_bytes"`
	Audience string  `json:"audience"`
}

type answer struct {
	Ok      bool   `json:"ok"`
	Own     bool   `json:"own"`
	Error   string `json:"error,omitempty"`
	Token   string `json:"token,omitempty"`
	Payload string `json:"payload,omitempty"`
	Version string `json:"version,omitempty"`
	Runtime string `json:"runtime"`
}

func key(r request, private bool) (any, error) {
	switch {
	case r.Secret != nil:
		return []byte(*r.Secret), nil
	case r.Pem == "":
		return r.SecretB, nil
	case r.Alg == "":
		return nil, errors.New("no algorithm")
	}
	pem := []byte(r.Pem)
	switch r.Alg[:2] {
	case "RS", "PS":
		if private {
			return jwt.ParseRSAPrivateKeyFromPEM(pem)
		}
		return jwt.ParseRSAPublicKeyFromPEM(pem)
	case "ES":
		if private {
			return jwt.ParseECPrivateKeyFromPEM(pem)
		}
		return jwt.ParseECPublicKeyFromPEM(pem)
	case "Ed":
		if private {
			return jwt.ParseEdPrivateKeyFromPEM(pem)
		}
		return jwt.ParseEdPublicKeyFromPEM(pem)
	}
	return nil, errors.New("no such algorithm")
}

func answered(r request) (told answer, err error) {
	switch r.Op {
	case "version":
		info, _ := debug.ReadBuildInfo()
		for _, module := range info.Deps {
			if module.Path == "github.com/golang-jwt/jwt/v5" {
				told.Version = strings.TrimPrefix(module.Version, "v")
			}
		}
		told.Runtime = strings.Join(strings.SplitN(strings.Replace(runtime.Version(), "go", "Go ", 1), ".", 3)[:2], ".")
		return told, nil
	case "sign":
		method := jwt.GetSigningMethod(r.Alg)
		if method == nil || r.Form != "compact" {
			return told, errors.New("no such algorithm or form")
		}
		private, err := key(r, true)
		if err != nil {
			return told, err
		}
		claims := jwt.MapClaims{}
		if err := json.Unmarshal([]byte(r.Payload), &claims); err != nil {
			return told, err
		}
		told.Token, err = jwt.NewWithClaims(method, claims).SignedString(private)
		return told, err
	case "verify", "accept":
		if r.Kind == "jwe" || (r.Op == "verify" && r.Form != "compact") {
			return told, errors.New("no such form")
		}
		options := []jwt.ParserOption{jwt.WithValidMethods([]string{r.Alg})}
		if r.Audience != "" {
			options = append(options, jwt.WithAudience(r.Audience))
		}
		token, err := jwt.Parse(r.Token, func(*jwt.Token) (any, error) { return key(r, false) }, options...)
		if err != nil {
			return told, err
		}
		payload, err := json.Marshal(token.Claims)
		told.Payload = string(payload)
		return told, err
	}
	return told, errors.New("the library does not do that")
}

// Every error of Parse wraps one of these, says its documentation.
var own = []error{
	jwt.ErrTokenMalformed, jwt.ErrTokenUnverifiable, jwt.ErrTokenSignatureInvalid, jwt.ErrTokenInvalidClaims, jwt.ErrInvalidKey,
	jwt.ErrInvalidKeyType, jwt.ErrHashUnavailable,
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var r request
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			panic(err)
		}
		told, err := answered(r)
		told.Ok = err == nil
		if err != nil {
			told.Error = fmt.Sprintf("%.300v", err)
			for _, known := range own {
				told.Own = told.Own || errors.Is(err, known)
			}
		}
		line, err := json.Marshal(told)
		if err != nil {
			panic(err)
		}
		fmt.Println(string(line))
	}
}
