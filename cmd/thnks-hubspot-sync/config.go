package main

import (
	"github.com/spf13/cobra"

	"thnks-hubspot-sync/configs"
)

func (a *app) configCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Print the configuration in effect, a sample, or its schema",
		Args:  noArguments,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	var asJSON bool
	show := &cobra.Command{
		Use:   "print",
		Short: "Print the configuration with every default filled in",
		Long: `Reads the configuration and prints it as it is in effect, with every default
filled in. It holds no secret, only the names of the files that do.`,
		Args: noArguments,
		RunE: func(*cobra.Command, []string) error { return a.printConfig(asJSON) },
	}
	show.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	example := &cobra.Command{
		Use:   "example",
		Short: "Print a sample with every key",
		Args:  noArguments,
		RunE: func(*cobra.Command, []string) error {
			_, err := a.stdout.Write(configs.Example())
			return err
		},
	}
	schema := &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of the configuration, for editors",
		Long: `Prints the JSON Schema of the configuration. Save it beside the configuration
as config.schema.json, and begin the latter with the line

  # yaml-language-server: $schema=config.schema.json

for an editor that completes and checks keys.`,
		Args: noArguments,
		RunE: func(*cobra.Command, []string) error {
			_, err := a.stdout.Write(configs.Schema())
			return err
		},
	}
	cmd.AddCommand(show, example, schema)
	return cmd
}

// printConfig prints the configuration in effect.
func (a *app) printConfig(asJSON bool) error {
	cfg, err := configs.Load(a.configPath)
	if err != nil {
		return err
	}
	if asJSON {
		tree, err := cfg.Tree()
		if err != nil {
			return err
		}
		return writeJSON(a.stdout, tree)
	}
	text, err := cfg.YAML()
	if err != nil {
		return err
	}
	_, err = display(a.stdout).Write(text)
	return err
}
