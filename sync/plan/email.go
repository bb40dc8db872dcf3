package plan

import (
	"slices"
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

// CanonicalEmail returns the form in which addresses are compared: trimmed,
// lower case, NFC, the domain in ASCII (IDNA). Plus tags and dots of the local
// part are kept, because only its own mail server knows whether they matter. No
// letter beyond ASCII becomes one of ASCII: "İ" and the Kelvin sign would make
// one person's address of another's. [Spellings] are what to look it up by.
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
	local = lowerLocalPart(local)
	if !validLocalPart(local) || strings.ContainsFunc(domain, isASCIITwin) {
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

// Spellings returns the spellings of an address that a contact in HubSpot may
// have it in, the canonical one first: with the domain in ASCII and in Unicode,
// its letters composed and decomposed, and as it was given. HubSpot compares no
// more than upper and lower case. Almost every address has one spelling; one that
// [CanonicalEmail] refuses has none.
func Spellings(address string) []string {
	canonical, ok := CanonicalEmail(address)
	if !ok {
		return nil
	}
	local, domain, _ := strings.Cut(canonical, "@")
	spellings := []string{canonical}
	if isASCII(address) && !strings.Contains(domain, "xn--") {
		return spellings
	}
	add := func(s string) {
		if !slices.Contains(spellings, s) {
			spellings = append(spellings, s)
		}
	}
	if shown, err := domains.ToUnicode(domain); err == nil {
		add(local + "@" + shown)
	}
	for _, s := range spellings {
		add(decomposed(s))
	}
	if given := strings.Map(lower, strings.TrimFunc(address, invisible)); !isASCII(given) && !strings.Contains(given, fullWidthAt) {
		add(given)
	}
	return spellings
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r > unicode.MaxASCII })
}

// decomposed returns s in NFD.
func decomposed(s string) string {
	return eachPart(s, norm.NFD.String)
}

// lowerLocalPart returns the local part of an address in lower case and NFC.
func lowerLocalPart(s string) string {
	return eachPart(s, func(part string) string {
		return norm.NFC.String(strings.Map(lower, norm.NFC.String(part)))
	})
}

// lower returns r in lower case, unless that is in ASCII and r is not.
func lower(r rune) rune {
	if l := unicode.ToLower(r); r <= unicode.MaxASCII || l > unicode.MaxASCII {
		return l
	}
	return r
}

// eachPart returns s with f applied to what stands between characters that are
// no more than other ones of ASCII to Unicode.
func eachPart(s string, f func(string) string) string {
	var b strings.Builder
	for s != "" {
		i := strings.IndexFunc(s, isASCIITwin)
		if i < 0 {
			b.WriteString(f(s))
			break
		}
		_, size := utf8.DecodeRuneInString(s[i:])
		b.WriteString(f(s[:i]))
		b.WriteString(s[i : i+size])
		s = s[i+size:]
	}
	return b.String()
}

// isASCIITwin reports whether normalising would put a character of ASCII in the
// place of r, as it does with the Kelvin sign.
func isASCIITwin(r rune) bool {
	return r > unicode.MaxASCII && norm.NFC.String(string(r))[0] <= unicode.MaxASCII
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
