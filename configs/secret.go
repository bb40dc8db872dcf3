package configs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxSecret is the largest secret file that is read, in bytes.
const maxSecret = 64 << 10

// redacted is printed instead of a secret.
const redacted = "[redacted]"

// A Secret is a token, key or password. It prints as a placeholder: with every
// verb of fmt, in logs, in JSON and YAML, and as an unexported field of another
// value. Only [Secret.Reveal] returns the text.
type Secret struct {
	text *string // behind a pointer, because fmt reads unexported strings
}

// Reveal returns the secret's text.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// String returns a placeholder.
func (s Secret) String() string { return redacted }

// Format writes a placeholder, whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue returns a placeholder.
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText returns a placeholder; JSON and XML use it.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// MarshalYAML returns a placeholder.
func (s Secret) MarshalYAML() (any, error) { return redacted, nil }

// ReadSecret reads the secret that a *_file setting names: an absolute path,
// or a name that is looked up first in $CREDENTIALS_DIRECTORY (see
// systemd.exec(5), Credentials) and then in the folder of the configuration
// file. A credential may also be called secrets_NAME, as systemd does with the files
// of a folder: LoadCredential=secrets:FOLDER. One trailing line break is dropped.
//
// A file outside $CREDENTIALS_DIRECTORY must be readable by its owner only. A
// secret with blanks around it or with characters that cannot be seen is
// refused: editors and copying add them, and the other side would answer that
// the secret is wrong. Errors name the file and the position, and never quote
// the content.
func (c *Config) ReadSecret(ref string) (Secret, error) {
	path, sealed, err := c.findSecret(ref)
	if err != nil {
		return Secret{}, err
	}
	// Opening a named pipe would block, so check before.
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return Secret{}, fmt.Errorf("secret file %s is not a regular file: replace it", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return Secret{}, unreadable(path, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return Secret{}, unreadable(path, err)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 && !sealed {
		return Secret{}, fmt.Errorf("secret file %s can be read or changed by others (mode %04o): run chmod 600 %s", path, mode, path)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err != nil {
		return Secret{}, unreadable(path, err)
	}
	if len(data) > maxSecret {
		return Secret{}, fmt.Errorf("secret file %s is larger than 64 KiB: it should hold the secret and nothing else", path)
	}
	text := strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
	if flaw := secretFlaw(text); flaw != "" {
		return Secret{}, fmt.Errorf("secret file %s %s", path, flaw)
	}
	return Secret{&text}, nil
}

// SecretPath returns the path of the file that a *_file setting names, where the
// program may write it: beside the configuration file, even if a credential of
// that name is read instead.
func (c *Config) SecretPath(ref string) string {
	if filepath.IsAbs(ref) {
		return ref
	}
	return filepath.Join(c.dir, ref)
}

// minAdminToken is the least length of the admin token, in characters.
const minAdminToken = 32

// ReadAdminToken reads the secret of AdminTokenFile. Clients may try tokens
// without limit from many addresses, so a short one is refused. Without an
// AdminTokenFile it returns the zero Secret, whose text is empty.
func (c *Config) ReadAdminToken() (Secret, error) {
	if c.AdminTokenFile == "" {
		return Secret{}, nil
	}
	token, err := c.ReadSecret(c.AdminTokenFile)
	if err != nil {
		return Secret{}, err
	}
	if n := utf8.RuneCountInString(token.Reveal()); n < minAdminToken {
		return Secret{}, fmt.Errorf("secret file %s has %d characters, and the admin token needs %d: write a new one with openssl rand -hex 32", c.AdminTokenFile, n, minAdminToken)
	}
	return token, nil
}

// secretFlaw says what is wrong with a secret's text, or "". It names
// characters only by kind and position.
func secretFlaw(text string) string {
	const only = ": it should hold the secret and nothing else"
	switch {
	case strings.TrimFunc(text, isBlank) == "":
		return "is empty: write the secret into it"
	case strings.HasPrefix(text, "\xff\xfe"), strings.HasPrefix(text, "\xfe\xff"):
		return "is saved as UTF-16: save it as plain text or UTF-8"
	case strings.HasPrefix(text, "\ufeff"):
		return "begins with a byte order mark: save it as UTF-8 without one"
	}
	position := 0
	for i, r := range text {
		position++
		switch size := utf8.RuneLen(r); {
		case r == '\n', r == '\r':
			return fmt.Sprintf("has a line break at character %d%s", position, only)
		case r == utf8.RuneError && text[i:min(i+size, len(text))] != "\ufffd":
			return fmt.Sprintf("has a byte at character %d that is not UTF-8%s", position, only)
		case unicode.IsControl(r):
			return fmt.Sprintf("has a control character at character %d%s", position, only)
		case r != ' ' && isBlank(r):
			return fmt.Sprintf("has U+%04X, a blank or invisible character, at character %d: type or copy the secret again without it", r, position)
		}
	}
	switch {
	case strings.HasPrefix(text, " "):
		return "begins with a blank" + only
	case strings.HasSuffix(text, " "):
		return fmt.Sprintf("ends with a blank at character %d%s", position, only)
	}
	return ""
}

// isBlank reports whether a character cannot be seen in a secret: white space,
// format characters such as the zero-width space, fillers, and marks that
// change other characters' looks.
func isBlank(r rune) bool {
	return unicode.IsSpace(r) || unicode.In(r, unicode.Zs, unicode.Zl, unicode.Zp, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector) || r == '\u2800'
}

// folderCredential is what systemd puts before the names of the files of a folder that
// it loads as the credential "secrets".
const folderCredential = "secrets_"

// findSecret returns the path of the secret. sealed reports whether it is in
// $CREDENTIALS_DIRECTORY, whose access the service manager controls.
func (c *Config) findSecret(ref string) (path string, sealed bool, err error) {
	credentials := os.Getenv("CREDENTIALS_DIRECTORY")
	if ref == "" {
		return "", false, errors.New("no secret file is named")
	}
	if filepath.IsAbs(ref) {
		within, err := filepath.Rel(credentials, ref)
		return ref, credentials != "" && err == nil && filepath.IsLocal(within), nil
	}
	local := filepath.Join(c.dir, ref)
	if credentials == "" || !filepath.IsLocal(ref) {
		return local, false, nil
	}
	credential := filepath.Join(credentials, ref)
	for _, path := range []string{credential, filepath.Join(credentials, folderCredential+ref)} {
		if _, err := os.Stat(path); err == nil {
			return path, true, nil
		} else if !errors.Is(err, fs.ErrNotExist) {
			return "", false, unreadable(path, err)
		}
	}
	if _, err := os.Stat(local); errors.Is(err, fs.ErrNotExist) {
		return "", false, &missingSecret{credential, local}
	}
	return local, false, nil
}

// A missingSecret is the error of a secret that is in neither place. It is an
// [fs.ErrNotExist].
type missingSecret struct{ credential, local string }

func (e *missingSecret) Error() string {
	return fmt.Sprintf("secret file %s does not exist, nor does %s: create one of them", e.credential, e.local)
}

func (e *missingSecret) Is(err error) bool { return err == fs.ErrNotExist }

// unreadable adds the file and the remedy to the error of opening or reading.
func unreadable(path string, err error) error {
	var cause *fs.PathError
	if errors.As(err, &cause) {
		err = cause.Err // without the path, which our text has
	}
	remedy := "check the file"
	switch {
	case errors.Is(err, fs.ErrNotExist):
		remedy = "create it, or correct the name in the configuration"
	case errors.Is(err, fs.ErrPermission):
		remedy = "make it belong to the user that runs this program"
	}
	return fmt.Errorf("secret file %s cannot be read (%w): %s", path, err, remedy)
}
