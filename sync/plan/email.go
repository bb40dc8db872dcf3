package plan

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"
)

// Limits of an address in bytes: RFC 5321 §4.5.3.1, as corrected for whole
// addresses by RFC 3696 erratum 1690.
const (
	maxAddress   = 254
	maxLocalPart = 64
)

// domains maps a domain to its ASCII form (UTS #46, non-transitional, so that
// ß and ss, ς and σ stay different domains). Its check of hyphens would refuse
// labels such as "r3---sn", which exist; [validDomain] does the rest of it.
var domains = idna.New(
	idna.MapForLookup(),
	idna.Transitional(false),
	idna.BidiRule(),
	idna.CheckHyphens(false),
	idna.VerifyDNSLength(true),
)

// The characters that Unicode knows as an at sign and as a full stop of a
// domain name, in addition to the ASCII ones.
const (
	fullWidthAt = "＠"
	fullStops   = ".。．｡"
)

// CanonicalEmail returns the form in which addresses are compared and looked
// up: trimmed, lower case, NFC, the domain in ASCII (IDNA). Plus tags and dots
// of the local part are kept, because only its own mail server knows whether
// they matter.
//
// It reports false for anything that HubSpot could not hold as a contact's
// address: no @, a display name ("Ann <ann@example.com>"), quoted local parts,
// domains without a dot, IP addresses, more than 254 bytes or 64 before the @.
func CanonicalEmail(s string) (string, bool) {
	s = strings.TrimFunc(s, invisible)
	if len(s) > 4*maxAddress || !utf8.ValidString(s) {
		return "", false // no mapping shortens an address that much
	}
	s = strings.ReplaceAll(s, fullWidthAt, "@")
	local, domain, found := strings.Cut(s, "@")
	if !found {
		return "", false
	}
	local = norm.NFC.String(strings.ToLower(norm.NFC.String(local)))
	if !validLocalPart(local) {
		return "", false
	}
	if r := []rune(domain); len(r) > 0 && strings.ContainsRune(fullStops, r[len(r)-1]) {
		domain = string(r[:len(r)-1]) // the root's dot
	}
	domain, err := domains.ToASCII(domain)
	if err != nil || !validDomain(domain) {
		return "", false
	}
	if address := local + "@" + domain; len(address) <= maxAddress {
		return address, true
	}
	return "", false
}

// invisible reports whether r is a space or an invisible character such as a
// byte order mark, which copying an address often adds at its ends.
func invisible(r rune) bool {
	return unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Cf, r)
}

// validLocalPart reports whether s is a dot-atom (RFC 5322 §3.2.3), or one
// with letters and digits beyond ASCII (RFC 6532).
func validLocalPart(s string) bool {
	if s == "" || len(s) > maxLocalPart || s[0] == '.' || s[len(s)-1] == '.' || strings.Contains(s, "..") {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool {
		switch {
		case r > unicode.MaxASCII:
			return !unicode.IsLetter(r) && !unicode.IsMark(r) && !unicode.IsDigit(r)
		case 'a' <= r && r <= 'z', '0' <= r && r <= '9':
			return false
		default:
			return !strings.ContainsRune("!#$%&'*+-/=?^_`{|}~.", r)
		}
	})
}

// validDomain reports whether the ASCII domain s has at least two labels, none
// of them with a hyphen at an end, and a last one that can be a top-level
// domain.
func validDomain(s string) bool {
	labels := strings.Split(s, ".")
	for _, l := range labels {
		if strings.HasPrefix(l, "-") || strings.HasSuffix(l, "-") {
			return false
		}
	}
	top := labels[len(labels)-1]
	return len(labels) > 1 && len(top) >= 2 && strings.Trim(top, "0123456789") != ""
}
