//! `corsgate man FOLDER`

use super::{Cli, CommandError};
use clap::{Command, CommandFactory};
use clap_mangen::Man;
use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

pub(super) fn run(folder: &Path) -> Result<ExitCode, CommandError> {
    let mut program = Cli::command().disable_help_subcommand(true);
    program.build();
    fs::create_dir_all(folder)
        .and_then(|()| write_pages(&program, folder))
        .map_err(|error| format!("{}: {error}", folder.display()))?;
    Ok(ExitCode::SUCCESS)
}

/// Writes the page of a command, and those of all commands below it.
fn write_pages(command: &Command, folder: &Path) -> io::Result<()> {
    let man = Man::new(command.clone());
    fs::write(folder.join(man.get_filename()), page(command, &man)?)?;
    let mut below = command.get_subcommands().filter(|c| !c.is_hide_set());
    below.try_for_each(|command| write_pages(command, folder))
}

/// Returns a page. The end of a command's help is printed as it stands: it has examples, which
/// [`Man::render`] would fill like a paragraph.
fn page(command: &Command, man: &Man) -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    if command
        .get_arguments()
        .any(|argument| !argument.is_hide_set())
    {
        man.render_options_section(&mut page)?;
    }
    if command
        .get_subcommands()
        .any(|command| !command.is_hide_set())
    {
        man.render_subcommands_section(&mut page)?;
    }
    let end = command.get_after_long_help().or(command.get_after_help());
    if let Some(end) = end {
        writeln!(page, ".SH NOTES\n.nf")?;
        for line in end.to_string().lines() {
            writeln!(page, "{}", verbatim(line))?;
        }
        writeln!(page, ".fi")?;
    }
    Ok(page)
}

/// Returns a line of text as roff has to have it to print the same: hyphens that can be copied into a shell, and
/// nothing that it takes for a request.
fn verbatim(line: &str) -> String {
    let line = line.replace('\\', "\\e").replace('-', "\\-");
    match line.starts_with(['.', '\'']) {
        true => format!("\\&{line}"),
        false => line,
    }
}

#[cfg(test)]
mod tests {
    use super::verbatim;

    #[test]
    fn a_line_of_a_page_is_printed_as_it_stands() {
        assert_eq!(verbatim("  curl -H 'a: b' \\"), "  curl \\-H 'a: b' \\e");
        assert_eq!(verbatim(".SH"), "\\&.SH");
        assert_eq!(verbatim("'quoted'"), "\\&'quoted'");
    }
}
