package send

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxMessage bounds a message, in bytes.
const maxMessage = 2000

// Fill fills a message template: {first_name} becomes the value of that name. It
// refuses a message that a recipient must not get: with a variable that has no
// value or is unknown, with a brace left over, with < or >, which remain
// where a variable was not filled (Thnks warns of them), an empty one, or one with
// control characters. The error quotes no value.
func Fill(template string, values map[string]string) (string, error) {
	var b strings.Builder
	for rest := template; rest != ""; {
		before, after, found := strings.Cut(rest, "{")
		if strings.Contains(before, "}") {
			return "", errors.New("a } has no {: variables are written like {first_name}")
		}
		b.WriteString(before)
		if !found {
			break
		}
		name, behind, closed := strings.Cut(after, "}")
		if !closed || strings.Contains(name, "{") {
			return "", errors.New("a { has no }: variables are written like {first_name}")
		}
		name = strings.TrimSpace(name)
		value, known := values[name]
		switch {
		case !known:
			return "", fmt.Errorf("the variable {%s} is not known", printable(name))
		case strings.TrimSpace(value) == "":
			return "", fmt.Errorf("the variable {%s} has no value for this recipient", printable(name))
		case strings.ContainsAny(value, "{}"):
			return "", fmt.Errorf("the value of {%s} has a brace: it looks like a variable that was not filled", printable(name))
		}
		b.WriteString(strings.TrimSpace(value))
		rest = behind
	}
	return b.String(), checkMessage(b.String())
}

// checkMessage refuses what must not be sent.
func checkMessage(message string) error {
	switch {
	case strings.TrimSpace(message) == "":
		return errors.New("the message is empty, and Thnks requires one")
	case strings.ContainsAny(message, "<>"):
		return errors.New("the message has < or >, as a variable that was not filled: write it without")
	case len(message) > maxMessage:
		return fmt.Errorf("the message has %d bytes: at most %d are sent", len(message), maxMessage)
	case !utf8.ValidString(message) || strings.ContainsRune(message, utf8.RuneError):
		return errors.New("the message is not valid text")
	case strings.ContainsFunc(message, func(r rune) bool { return unicode.IsControl(r) && r != '\n' }):
		return errors.New("the message has control characters")
	}
	return nil
}

// printable returns the name of a variable as an error shows it.
func printable(name string) string {
	if len(name) > 40 || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return "?"
	}
	return name
}
