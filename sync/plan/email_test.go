package plan

import (
	"slices"
	"strings"
	"testing"
	"unicode"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"
)

func TestCanonicalEmail(t *testing.T) {
	long := strings.Repeat("a", 64)
	for _, tt := range []struct{ in, want string }{
		{"ann@example.com", "ann@example.com"},
		{"  Ann.O'Hara@Example.COM\t\r\n", "ann.o'hara@example.com"},
		{"\ufeffann@example.com\u200b", "ann@example.com"},
		{"ann+gifts@example.com", "ann+gifts@example.com"},
		{"a.n.n@gmail.com", "a.n.n@gmail.com"},
		{"ann@example.com.", "ann@example.com"},
		{"ann＠example.com", "ann@example.com"},
		{"ann@ＥＸＡＭＰＬＥ。com", "ann@example.com"},
		{"ann@bücher.example", "ann@xn--bcher-kva.example"},
		{"ann@BU\u0308CHER.example", "ann@xn--bcher-kva.example"},
		{"ann@XN--BCHER-KVA.example", "ann@xn--bcher-kva.example"},
		{"ann@faß.example", "ann@xn--fa-hia.example"},
		{"ann@fass.example", "ann@fass.example"},
		{"JU\u0308RGEN@example.com", "jürgen@example.com"},
		{"\u212Aim@example.com", "\u212Aim@example.com"}, // the Kelvin sign is not Kim's letter
		{"İnfo@example.com", "İnfo@example.com"},
		{"I\u0307NFO@example.com", "İnfo@example.com"},
		{"ÅSA@example.com", "åsa@example.com"},
		{"\u212BSA@example.com", "åsa@example.com"}, // the Ångström sign is that letter
		{"ann@r3---sn.example", "ann@r3---sn.example"},
		{long + "@example.com", long + "@example.com"},
	} {
		got, ok := CanonicalEmail(tt.in)
		if got != tt.want || !ok {
			t.Errorf("%q: %q, %v, want %q", tt.in, got, ok, tt.want)
		}
	}
	for _, in := range []string{
		"", " ", "@", "ann", "ann@", "@example.com", "ann@example", "ann@localhost", "ann@@example.com", "ann@b@example.com",
		"Ann <ann@example.com>", "<ann@example.com>", "ann@example.com, bob@example.com", "ann@example.com;bob@example.com",
		`"ann smith"@example.com`, "ann smith@example.com", "ann@exa mple.com", ".ann@example.com", "ann.@example.com", "a..n@example.com",
		"ann@.example.com", "ann@example..com", "ann@example.com..", "ann@-example.com-", "ann@192.0.2.1", "ann@[192.0.2.1]", "ann@example.c",
		"ann@exam_ple.com", "ann\x00@example.com", "an\xffn@example.com", "an\ufffdn@example.com", "ann@example.c\x96m", "ann@exam\ufffdple.com", "ann@xn--a.example", "ann@example.com\u0000x", "😀@example.com",
		long + "a@example.com", "ann@" + strings.Repeat("a", 64) + ".com",
		"ann@\u212Aelvin.example", "a\u1fefn@example.com", "a\u037en@example.com",
		"ann@" + strings.Repeat("a234567890.", 23) + "com", strings.Repeat("x", 400) + "@example.com", strings.Repeat("x", 5000),
	} {
		if got, ok := CanonicalEmail(in); ok || got != "" {
			t.Errorf("%q: accepted as %q", in, got)
		}
	}
}

// TestCanonicalEmailFoldsNothingIntoASCII tries every character in a local part
// and in a domain: no other address becomes one that is all ASCII, but for a
// domain's compatible letters, which are one domain to the DNS.
func TestCanonicalEmailFoldsNothingIntoASCII(t *testing.T) {
	for r := rune(unicode.MaxASCII + 1); r <= unicode.MaxRune; r++ {
		if got, ok := CanonicalEmail("a" + string(r) + "b@example.com"); ok && isASCII(got) {
			t.Errorf("%U: %q", r, got)
		}
	}
	for _, domain := range []string{"İ.example", "\u212A.example", "ı.example"} {
		got, ok := CanonicalEmail("ann@" + domain)
		for _, other := range []string{"ann@i.example", "ann@k.example"} {
			if ok && got == other {
				t.Errorf("%q became %q", domain, got)
			}
		}
	}
}

func TestSpellings(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want []string
	}{
		{"Ann@Example.com ", []string{"ann@example.com"}},
		{"ann@example.com.", []string{"ann@example.com"}},
		{"ann＠example.com", []string{"ann@example.com"}},
		{"ann@müller.de", []string{"ann@xn--mller-kva.de", "ann@müller.de", "ann@mu\u0308ller.de"}},
		{"ann@xn--mller-kva.de", []string{"ann@xn--mller-kva.de", "ann@müller.de", "ann@mu\u0308ller.de"}},
		{"Ann@MU\u0308LLER.de", []string{"ann@xn--mller-kva.de", "ann@müller.de", "ann@mu\u0308ller.de"}},
		{"JU\u0308RGEN@example.com", []string{"jürgen@example.com", "ju\u0308rgen@example.com"}},
		{"\u212Aim@example.com", []string{"\u212Aim@example.com"}},
		{"ann@müller。de", []string{"ann@xn--mller-kva.de", "ann@müller.de", "ann@mu\u0308ller.de", "ann@müller。de"}},
		{"no address", nil},
		{"", nil},
	} {
		if got := Spellings(tt.in); !slices.Equal(got, tt.want) {
			t.Errorf("%q: %q, want %q", tt.in, got, tt.want)
		}
	}
}

// TestSpellingsAreOneAddress: whatever is asked for compares as what was given.
func TestSpellingsAreOneAddress(t *testing.T) {
	local := rapid.StringMatching(`[A-Za-z0-9ÄÖäöéİıß\x{212A}\x{0308}-]{1,8}`)
	domain := rapid.StringMatching(`[A-Za-z0-9äöÜßéı\x{0308}-]{1,8}\.(COM|example|みんな)`)
	rapid.Check(t, func(t *rapid.T) {
		in := local.Draw(t, "local") + "@" + domain.Draw(t, "domain")
		canonical, ok := CanonicalEmail(in)
		spellings := Spellings(in)
		if ok != (len(spellings) > 0) {
			t.Fatalf("%q: %v and %q", in, ok, spellings)
		}
		for i, s := range spellings {
			if got, _ := CanonicalEmail(s); got != canonical || i == 0 && s != canonical || slices.Contains(spellings[:i], s) {
				t.Fatalf("%q: asks for %q, which is %q; want only what is %q, each once", in, spellings, got, canonical)
			}
		}
		if ok && !slices.Contains(spellings, strings.Map(lower, in)) {
			t.Fatalf("%q: asks for %q, not for what was given", in, spellings)
		}
	})
}

// genLabel makes a domain label that needs no mapping.
func genLabel() *rapid.Generator[string] {
	return rapid.StringMatching(`[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?`).Filter(func(s string) bool { return !strings.HasPrefix(s, "xn--") })
}

func TestCanonicalEmailNeverMergesDomains(t *testing.T) {
	domain := rapid.OneOf(
		rapid.Map(rapid.SliceOfN(genLabel(), 1, 3), func(l []string) string { return strings.Join(l, ".") + ".com" }),
		rapid.Map(rapid.StringOfN(rapid.SampledFrom([]rune("sßςσüuıi\u200d")), 1, 5, -1), func(s string) string { return s + ".example" }),
	)
	rapid.Check(t, func(t *rapid.T) {
		a, b := domain.Draw(t, "a"), domain.Draw(t, "b")
		ca, oka := CanonicalEmail("ann@" + a)
		cb, okb := CanonicalEmail("ann@" + b)
		if oka && okb && a != b && ca == cb {
			t.Fatalf("%q and %q both became %q", a, b, ca)
		}
	})
}

func TestCanonicalEmailKeepsLocalParts(t *testing.T) {
	local := rapid.StringMatching(`[a-z0-9]{1,10}(\.[a-z0-9]{1,5}){0,2}(\+[a-z0-9._-]{0,8}[a-z0-9])?`).Filter(func(s string) bool { return !strings.Contains(s, "..") })
	rapid.Check(t, func(t *rapid.T) {
		s := local.Draw(t, "local")
		if got, ok := CanonicalEmail(strings.ToUpper(s) + "@Example.com"); !ok || got != s+"@example.com" {
			t.Fatalf("%q became %q, %v", s, got, ok)
		}
	})
}

// checkCanonical holds what must be true of any input.
func checkCanonical(t interface{ Fatalf(string, ...any) }, in string) {
	got, ok := CanonicalEmail(in)
	if !ok {
		if got != "" {
			t.Fatalf("%q: refused, but returned %q", in, got)
		}
		return
	}
	if again, ok := CanonicalEmail(got); !ok || again != got {
		t.Fatalf("%q: %q, and again %q, %v", in, got, again, ok)
	}
	if padded, ok := CanonicalEmail(" " + in + "\n"); !ok || padded != got {
		t.Fatalf("%q: spaces around it make it %q, %v", in, padded, ok)
	}
	local, domain, _ := strings.Cut(got, "@")
	if len(got) > 254 || len(local) > 64 || strings.ContainsAny(got, " ,;<>\"") || strings.Count(got, "@") != 1 || got != strings.Map(lower, got) {
		t.Fatalf("%q: %q is not canonical", in, got)
	}
	if _, err := idna.Lookup.ToUnicode(domain); err != nil && !strings.Contains(domain, "--") {
		t.Fatalf("%q: domain of %q: %v", in, got, err)
	}
	if strings.ContainsFunc(domain, func(r rune) bool { return r > unicode.MaxASCII }) {
		t.Fatalf("%q: domain of %q is not ASCII", in, got)
	}
	if strings.Contains(in, "+") && !strings.Contains(got, "+") {
		t.Fatalf("%q: lost its plus tag: %q", in, got)
	}
}

func TestCanonicalEmailIsIdempotent(t *testing.T) {
	local := rapid.OneOf(rapid.String(), rapid.StringMatching(`[A-Za-z0-9+._ÄÖİıßſK-]{1,12}`))
	domain := rapid.OneOf(rapid.String(), rapid.StringMatching(`[A-Za-z0-9äöİßſ.。-]{1,12}\.(COM|example|みんな)\.?`))
	rapid.Check(t, func(t *rapid.T) {
		checkCanonical(t, local.Draw(t, "local")+rapid.SampledFrom([]string{"@", "＠"}).Draw(t, "at")+domain.Draw(t, "domain"))
	})
}

// Lower case and NFC do not commute for every letter: try them all.
func TestCanonicalEmailEveryLetter(t *testing.T) {
	accepted := 0
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if !unicode.IsLetter(r) && !unicode.IsMark(r) || 0x3400 <= r && r <= 0xD7A3 || r >= 0x20000 && r < 0x2F800 {
			continue // ideographs and syllables have no case
		}
		got, ok := CanonicalEmail("a" + string(r) + "@example.com")
		if !ok {
			continue
		}
		accepted++
		if again, ok := CanonicalEmail(got); !ok || again != got {
			t.Errorf("%U: %q, and again %q, %v", r, got, again, ok)
		}
		if apart, _ := CanonicalEmail(norm.NFD.String("a" + string(r) + "@example.com")); apart != got && r != '\u212A' {
			t.Errorf("%U: %q, but decomposed %q", r, got, apart)
		}
	}
	if accepted < 10_000 {
		t.Errorf("only %d letters accepted", accepted)
	}
}

func FuzzCanonicalEmail(f *testing.F) {
	for _, s := range []string{"ann@example.com", " Ann＠BÜCHER。example. ", "a+b@xn--bcher-kva.example", "İ@faß.example", "Ann <ann@example.com>"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) { checkCanonical(t, in) })
}

// The longest address has 254 bytes, of which 64 are before the @.
func TestCanonicalEmailLengths(t *testing.T) {
	domain := func(n int) string { // of n bytes
		return strings.Repeat("a234567.", n/8) + strings.Repeat("b", n%8)
	}
	for _, tt := range []struct {
		local, domain int
		ok            bool
	}{{64, 189, true}, {64, 190, false}, {65, 100, false}} {
		address := strings.Repeat("a", tt.local) + "@" + domain(tt.domain)
		if got, ok := CanonicalEmail(address); ok != tt.ok || ok && got != address {
			t.Errorf("%d bytes, %d of them before the @: %q, %t", len(address), tt.local, got, ok)
		}
	}
}
