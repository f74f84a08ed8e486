"""`python -m kmock`: the same as the command `kmock`."""

from kmock.cli import main

if __name__ == '__main__':
    main(prog_name='kmock')
