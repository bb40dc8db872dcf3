package configs

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v4"
)

// maxFile is the largest configuration file that is read, in bytes.
const maxFile = 1 << 20

// A LoadError lists everything that is wrong with a configuration, in the
// order of the file; of more than 1,000 problems it counts the rest.
type LoadError struct {
	File     string // as given to [Load]; "" for a Config that came from no file
	Problems []Problem
	Err      error // why the file could not be read; nil when it could
}

// A Problem is one mistake in a configuration. None of its texts quotes a
// value.
type Problem struct {
	Line   int    // from 1; 0 when it is about no line
	Key    string // path, such as portals[0].hubspot.token_file; "" for the whole file
	What   string // what is wrong
	Remedy string // what to do about it
}

// String returns the problem as "key: what: remedy".
func (p Problem) String() string {
	if p.Key == "" {
		return p.What + ": " + p.Remedy
	}
	return p.Key + ": " + p.What + ": " + p.Remedy
}

// Error returns one line per problem, each starting with file and line the
// way that editors understand.
func (e *LoadError) Error() string {
	var b strings.Builder
	for i, p := range e.Problems {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(cmp.Or(e.File, "configuration"))
		if p.Line > 0 {
			fmt.Fprintf(&b, ":%d", p.Line)
		}
		b.WriteString(": " + p.String())
	}
	return b.String()
}

// Unwrap returns the cause of a file that could not be read.
func (e *LoadError) Unwrap() error { return e.Err }

// Load reads and validates the configuration file at path. Its error is a
// [*LoadError] with every mistake in the file.
//
// Load opens no secret file, so that users without access to them can check a
// configuration; see [Config.ReadSecret].
func Load(path string) (*Config, error) {
	data, err := read(path)
	if err != nil {
		return nil, err
	}
	cfg, problems := parse(data)
	if len(problems) > 0 {
		return nil, &LoadError{File: path, Problems: problems}
	}
	dir, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("finding the folder of %s: %w", path, err)
	}
	cfg.file, cfg.dir = path, dir
	if err := cfg.placeState(); err != nil {
		return nil, err
	}
	return cfg, nil
}

// problem returns the error of one problem that was found after loading.
func (c *Config) problem(key, what, remedy string) Problem {
	r := report{lines: c.lines}
	return Problem{Line: r.line(key), Key: key, What: what, Remedy: remedy}
}

// Validate checks a configuration that was changed or built in memory. Its
// error is a [*LoadError] without file and lines.
func (c *Config) Validate() error {
	var r report
	r.config(c)
	if len(r.problems) == 0 {
		return nil
	}
	return &LoadError{Problems: r.problems}
}

// read returns the content of the file at path.
func read(path string) ([]byte, error) {
	refuse := func(what, remedy string, cause error) ([]byte, error) {
		return nil, &LoadError{File: path, Problems: []Problem{{What: what, Remedy: remedy}}, Err: cause}
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return refuse("there is no such file", "create it, or name another with --config", err)
	case err == nil && !info.Mode().IsRegular():
		return refuse("not a regular file", "name another with --config", nil)
	case err == nil && info.Size() > maxFile:
		return refuse("larger than 1 MiB", "name another with --config", nil)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return refuse("cannot be read", "run the command as the user that the service runs as, or check its owner and mode", err)
	}
	return data, nil
}

// parse reads a configuration from YAML: syntax first, then shape and types,
// then meaning. Shape and meaning are reported together.
func parse(data []byte) (*Config, []Problem) {
	root, problem := document(data)
	if problem != nil {
		return nil, []Problem{*problem}
	}
	cfg := Default()
	d := decoder{report: report{lines: map[string]int{"": root.Line}, broken: map[string]bool{}}}
	d.value(root, "", reflect.ValueOf(cfg).Elem())
	cfg.lines = d.lines
	d.config(cfg)
	return cfg, d.all()
}

// document returns the root node of the only YAML document in data.
func document(data []byte) (*yaml.Node, *Problem) {
	loader, err := yaml.NewLoader(bytes.NewReader(data))
	if err != nil {
		return nil, syntaxProblem(data, err)
	}
	var first, second yaml.Node
	if err := loader.Load(&first); errors.Is(err, io.EOF) {
		return nil, &Problem{What: "the file is empty", Remedy: "start from config.example.yaml"}
	} else if err != nil {
		return nil, syntaxProblem(data, err)
	}
	if err := loader.Load(&second); err == nil {
		return nil, &Problem{Line: second.Line, What: "a second document begins", Remedy: "keep one, and remove the --- between them"}
	} else if !errors.Is(err, io.EOF) {
		return nil, syntaxProblem(data, err)
	}
	root := first.Content[0]
	if root.Kind == yaml.ScalarNode && root.ShortTag() == "!!null" {
		// If a --- ends the file, the library's line is past the end.
		line := min(root.Line, 1+bytes.Count(data, []byte("\n")))
		return nil, &Problem{Line: line, What: "the document is empty", Remedy: "start from config.example.yaml"}
	}
	return root, nil
}

// syntaxProblem turns an error of the YAML library into a problem. It uses the
// library's text only for scanner and parser errors: others may quote the file.
func syntaxProblem(data []byte, err error) *Problem {
	var syntax *yaml.LoadError
	if !errors.As(err, &syntax) {
		return &Problem{What: "not valid YAML", Remedy: "compare it with config.example.yaml"}
	}
	lines := bytes.Split(data, []byte("\n"))
	line := min(syntax.Mark.Line, len(lines)) // the library's line may be past the end
	switch {
	case syntax.Stage == yaml.ReaderStage:
		return &Problem{What: "not a text file in UTF-8", Remedy: "remove control characters and save it as UTF-8"}
	case line > 0 && bytes.Contains(indent(lines[line-1]), []byte("\t")):
		return &Problem{Line: line, What: "a tab in the indentation", Remedy: "indent with spaces"}
	case syntax.Stage == yaml.ScannerStage, syntax.Stage == yaml.ParserStage:
		return &Problem{Line: line, What: "not valid YAML (" + syntax.Message + ")", Remedy: "check quotes, colons and indentation here and above"}
	}
	return &Problem{Line: line, What: "not valid YAML", Remedy: "check anchors and aliases, which are not supported"}
}

// indent returns the white space that a line begins with.
func indent(line []byte) []byte {
	return line[:len(line)-len(bytes.TrimLeft(line, " \t"))]
}
