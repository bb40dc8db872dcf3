package thnksapi

import (
	"compress/flate"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"syscall"
)

// transportError returns the error for a failure below HTTP. Of the cause it
// says only the class: net/http quotes addresses, headers and bodies.
func transportError(path string, err error) *Error {
	return &Error{Kind: Transient, Path: path, Problem: "no answer: " + transportProblem(err) + ": the next run goes on where this one stopped"}
}

// transportProblem says what class of failure below HTTP an error is.
func transportProblem(err error) string {
	var (
		name *net.DNSError
		cert *tls.CertificateVerificationError
		op   *net.OpError
		slow net.Error
	)
	switch {
	case errors.As(err, &name):
		return "the name of its host cannot be resolved"
	case errors.As(err, &cert):
		return certificateProblem(cert)
	case errors.Is(err, http.ErrSchemeMismatch), as[tls.RecordHeaderError](err):
		return "its host does not speak TLS there"
	case as[tls.AlertError](err):
		return "its host ended the TLS handshake"
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded), errors.As(err, &slow) && slow.Timeout():
		return "it did not come in time"
	case errors.Is(err, context.Canceled):
		return "the program did not wait for it any longer"
	case errors.As(err, &op) && op.Op == "proxyconnect":
		return "the proxy does not lead to its host"
	case isAny(err, syscall.ECONNREFUSED):
		return "the connection was refused"
	case isAny(err, syscall.ECONNRESET, syscall.ECONNABORTED, syscall.EPIPE):
		return "the connection was reset"
	case isAny(err, syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.ENETDOWN):
		return "there is no way to its host"
	case isAny(err, syscall.EMFILE, syscall.ENFILE):
		return "this machine has no file handle left"
	case isAny(err, gzip.ErrHeader, gzip.ErrChecksum), as[flate.CorruptInputError](err):
		return "its compression is damaged"
	case isAny(err, io.EOF, io.ErrUnexpectedEOF):
		return "the connection ended before it did"
	case errors.As(err, &op) && op.Op == "dial":
		return "the connection cannot be made"
	default:
		return "the connection broke, or what came is no proper HTTP"
	}
}

func certificateProblem(err error) string {
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "its certificate has expired, or is not valid yet: check this machine's clock"
	case as[x509.HostnameError](err):
		return "its certificate is for another host"
	case as[x509.UnknownAuthorityError](err):
		return "its certificate is of an authority that this machine does not know"
	default:
		return "its certificate is not valid"
	}
}

// as reports whether an error is, or wraps, one of a type.
func as[E error](err error) bool {
	var e E
	return errors.As(err, &e)
}

// isAny reports whether an error is, or wraps, one of several.
func isAny(err error, targets ...error) bool {
	for _, target := range targets {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}
